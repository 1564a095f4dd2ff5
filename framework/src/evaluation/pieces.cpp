#include "evaluation/pieces.hpp"

#include "model/view.hpp"

#include <algorithm>
#include <map>

namespace pq {

std::int64_t piece_rows(const ViewTensor& tensor) noexcept {
  // Every row of a transposed matrix needs all of its stored rows.
  if (tensor.is_transposed() && tensor.shape.size() >= 2)
    return std::max<std::int64_t>(1, tensor.shape[tensor.shape.size() - 2]);
  return std::max<std::int64_t>(1, kPieceWeights / std::max<std::int64_t>(1, cols(tensor.shape)));
}

void append_pieces(std::vector<Piece>& pieces, std::size_t tensor, std::int64_t rows,
                   std::int64_t rows_at_a_time) {
  for (std::int64_t first = 0; first < rows; first += rows_at_a_time)
    pieces.push_back({tensor, first, std::min(rows_at_a_time, rows - first)});
}

void release_rows(const ModelView& view, std::size_t tensor, std::int64_t first, std::int64_t count) {
  const ViewTensor& viewed = view.tensors[tensor];
  if (viewed.is_transposed() || viewed.elements || !viewed.generated.empty()) return;
  std::map<std::size_t, std::pair<std::int64_t, std::int64_t>> ranges;  // stored tensor -> first and last row
  for (std::int64_t r = first; r < first + count; ++r) {
    const auto [stored, row] = viewed.map.source(r);
    const auto [range, is_new] = ranges.try_emplace(stored, row, row);
    if (is_new) continue;
    range->second.first = std::min(range->second.first, row);
    range->second.second = std::max(range->second.second, row);
  }
  // Rows of a rotary order lie between those of the next piece, which then reads their pages again: from the page cache.
  for (const auto& [stored, range] : ranges)
    view.reader->release(stored, range.first, range.second - range.first + 1);
}

}  // namespace pq
