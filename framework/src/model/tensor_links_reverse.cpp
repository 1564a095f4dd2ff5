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
  const TensorLink* link = nullptr;  // the first one: gives shape and transposition
  std::vector<Piece> pieces;
};

[[noreturn]] void incomplete(const Source& source) {
  throw ConfigError("the family's rules do not give all rows of '" + source.name + "'");
}

// Pieces with a step take turns: as many of them as the step is long, beginning one row after the other.
std::size_t turns(const Source& source, std::size_t at) {
  const Piece& first = source.pieces[at];
  const auto lanes = static_cast<std::size_t>(first.step);
  if (at + lanes > source.pieces.size()) incomplete(source);
  for (std::size_t i = 1; i < lanes; ++i) {
    const Piece& piece = source.pieces[at + i];
    if (piece.step != first.step || piece.rows != first.rows ||
        piece.first != first.first + static_cast<std::int64_t>(i))
      incomplete(source);
  }
  return lanes;
}

RowMap joined(Source& source, const std::vector<TensorLink>& links, std::int64_t total) {
  std::sort(source.pieces.begin(), source.pieces.end(),
            [](const Piece& a, const Piece& b) { return a.first < b.first; });
  RowMap map;
  std::int64_t next = 0;
  for (std::size_t i = 0; i < source.pieces.size();) {
    if (source.pieces[i].first != next) incomplete(source);
    const std::size_t lanes = turns(source, i);
    for (std::size_t end = i + lanes; i < end; ++i) {
      const Piece& piece = source.pieces[i];
      map.parts.push_back({piece.link, piece.from, piece.rows, 1, static_cast<std::int64_t>(lanes),
                           links[piece.link].result_transposed});
      next += piece.rows;
    }
  }
  if (next != total) incomplete(source);
  return map;
}

void collect(const TensorLink& link, std::size_t index, std::vector<Source>& sources,
             std::map<std::string, std::size_t>& known) {
  std::int64_t from = 0;
  for (const RowMap::Part& part : link.map.parts) {
    const std::string& name = link.huggingface[part.stored];
    const auto [place, is_new] = known.emplace(name, sources.size());
    if (is_new) sources.push_back({name, &link, {}});
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
    const TensorLink& first = *source.link;
    const std::size_t link = source.pieces.front().link;
    ReverseTensor tensor{source.name, first.shape, joined(source, links, rows(mapped_shape(first))), link};
    if (links[link].map.order == RowMap::Order::rotary_to_pairs) {
      tensor.map.order = RowMap::Order::rotary_to_halves;
      tensor.map.head_rows = links[link].map.head_rows;
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

}  // namespace pq
