#include "evaluation/check_model.hpp"

#include "base/in_order.hpp"
#include "base/interrupt.hpp"
#include "evaluation/pieces.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace pq {
namespace {

constexpr std::uint64_t kPieceBytes = 1 << 20;

std::int64_t checked_rows(const TensorInfo& tensor) {
  return std::max<std::int64_t>(
      1, static_cast<std::int64_t>(kPieceBytes / std::max<std::uint64_t>(1, tensor.row_bytes)));
}

std::optional<std::string> check_piece(const ModelReader& reader, const Piece& piece,
                                       const Encoding& encoding) {
  const TensorInfo& tensor = reader.header().tensors[piece.tensor];
  std::vector<std::byte> scratch;
  const auto problem =
      encoding.check_rows(reader.rows(piece.tensor, piece.first, piece.count, scratch), cols(tensor.shape));
  reader.release(piece.tensor, piece.first, piece.count);
  if (!problem) return std::nullopt;
  return fmt::format("{}: tensor '{}', rows {} to {}: {}", tensor.file, tensor.name, piece.first,
                     piece.first + piece.count - 1, *problem);
}

}  // namespace

ModelCheck check_model(const ModelReader& reader, const EncodingLookup& find_encoding, Executor& executor) {
  ModelCheck result;
  result.problems = reader.check();
  const auto& tensors = reader.header().tensors;
  std::vector<std::shared_ptr<const Encoding>> encodings;
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    encodings.push_back(find_encoding(tensors[i].encoding));
    if (encodings[i] != nullptr && !tensors[i].shared.empty())
      encodings[i] = encodings[i]->bind(tensors[i].shared, cols(tensors[i].shape));
    if (encodings[i])
      append_pieces(pieces, i, weight_rows(tensors[i].shape), checked_rows(tensors[i]));
    else
      result.unchecked.push_back(
          fmt::format("tensor '{}': no plugin knows the encoding {}", tensors[i].name, tensors[i].encoding));
  }
  std::vector<std::optional<std::string>> found(pieces.size());
  for_each_in_order(executor, static_cast<std::int64_t>(pieces.size()), [&](std::int64_t i) {
    throw_if_interrupted();
    const auto p = static_cast<std::size_t>(i);
    found[p] = check_piece(reader, pieces[p], *encodings[pieces[p].tensor]);
  });
  std::optional<std::size_t> reported;  // one sentence per tensor is enough to find the damage
  for (std::size_t p = 0; p < pieces.size(); ++p) {
    if (!found[p] || reported == pieces[p].tensor) continue;
    result.problems.push_back(*found[p]);
    reported = pieces[p].tensor;
  }
  return result;
}

}  // namespace pq
