#include "evaluation/pieces.hpp"

#include "model/view.hpp"

#include <algorithm>

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

}  // namespace pq
