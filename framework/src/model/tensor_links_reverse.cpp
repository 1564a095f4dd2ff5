// From GGUF back to Hugging Face: the row maps of the links turned round.
#include "model/tensor_links.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>

namespace pq {
namespace {

// Rows [first, first + rows * step) of a Hugging Face tensor are rows `from`, from + 1, ... of the GGUF tensor of a link.
struct Piece {
  std::size_t link = 0;
  std::int64_t first = 0, rows = 0, step = 1, from = 0;
};

struct Source {
  std::string name;
  Shape shape;
  bool elements = false;
  std::vector<Piece> pieces;
};

void append(RowMap& map, std::size_t link, std::int64_t row) {
  if (!map.parts.empty()) {
    RowMap::Part& last = map.parts.back();
    if (last.stored == link && last.step == 1 && last.first_row + last.rows == row) {
      ++last.rows;
      return;
    }
  }
  map.parts.push_back({link, row, 1, 1});
}

// Pieces with steps interleave: written out row by row.
RowMap interleaved(const Source& source, std::int64_t total) {
  std::vector<std::pair<std::size_t, std::int64_t>> origin(static_cast<std::size_t>(total), {0, -1});
  for (const Piece& piece : source.pieces)
    for (std::int64_t i = 0; i < piece.rows; ++i)
      origin[static_cast<std::size_t>(piece.first + i * piece.step)] = {piece.link, piece.from + i};
  RowMap map;
  for (const auto& [link, row] : origin) {
    if (row < 0) throw ConfigError("the family's rules do not give all rows of '" + source.name + "'");
    append(map, link, row);
  }
  return map;
}

RowMap joined(Source& source, std::int64_t total) {
  std::sort(source.pieces.begin(), source.pieces.end(),
            [](const Piece& a, const Piece& b) { return a.first < b.first; });
  RowMap map;
  std::int64_t next = 0;
  for (const Piece& piece : source.pieces) {
    if (piece.first != next)
      throw ConfigError("the family's rules do not give all rows of '" + source.name + "'");
    map.parts.push_back({piece.link, piece.from, piece.rows, 1});
    next += piece.rows;
  }
  if (next != total) throw ConfigError("the family's rules do not give all rows of '" + source.name + "'");
  return map;
}

void collect(const TensorLink& link, std::size_t index, std::vector<Source>& sources,
             std::map<std::string, std::size_t>& known) {
  std::int64_t from = 0;
  for (const RowMap::Part& part : link.map.parts) {
    const std::string& name = link.huggingface[part.stored];
    const auto [place, is_new] = known.emplace(name, sources.size());
    if (is_new) sources.push_back({name, link.shape, link.elements, {}});
    sources[place->second].pieces.push_back({index, part.first_row, part.rows, part.step, from});
    from += part.rows;
  }
}

}  // namespace

std::vector<ReverseTensor> reverse_links(const std::vector<TensorLink>& links,
                                         const std::vector<bool>& present) {
  std::vector<Source> sources;
  std::map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < links.size(); ++i)
    if (present[i] && links[i].generated.empty()) collect(links[i], i, sources, known);
  std::vector<ReverseTensor> tensors;
  for (Source& source : sources) {
    const std::int64_t total = source.elements ? source.shape[0] : rows(source.shape);
    const bool steps =
        std::any_of(source.pieces.begin(), source.pieces.end(), [](const Piece& p) { return p.step != 1; });
    const std::size_t link = source.pieces.front().link;
    ReverseTensor tensor{source.name, source.shape,
                         steps ? interleaved(source, total) : joined(source, total), link};
    if (links[link].map.order == RowMap::Order::rotary_to_pairs) {
      tensor.map.order = RowMap::Order::rotary_to_halves;
      tensor.map.head_rows = links[link].map.head_rows;
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

}  // namespace pq
