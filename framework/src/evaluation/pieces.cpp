#include "evaluation/pieces.hpp"

#include "model/view.hpp"

#include <algorithm>

namespace pq {

namespace {

constexpr std::int64_t kTransposedWeights = 1 << 22;  // 16 MiB of f32 per thread
constexpr std::int64_t kMostReadings = 32;            // of a transposed matrix

}  // namespace

std::int64_t weight_rows(const Shape& shape) noexcept { return cols(shape) == 0 ? 0 : rows(shape); }

std::int64_t rows_at_a_time(const ViewTensor& tensor, std::int64_t weights) noexcept {
  const std::int64_t width = std::max<std::int64_t>(1, cols(tensor.shape));
  if (!tensor.is_transposed() || tensor.shape.size() < 2) return std::max<std::int64_t>(1, weights / width);
  const std::int64_t height = std::max<std::int64_t>(1, tensor.shape[tensor.shape.size() - 2]);
  return std::min(height, std::max({std::max(weights, kTransposedWeights) / width,
                                    (height + kMostReadings - 1) / kMostReadings, std::int64_t{1}}));
}

std::int64_t piece_rows(const ViewTensor& tensor) noexcept { return rows_at_a_time(tensor, kPieceWeights); }

void append_pieces(std::vector<Piece>& pieces, std::size_t tensor, std::int64_t rows,
                   std::int64_t rows_at_a_time) {
  for (std::int64_t first = 0; first < rows; first += rows_at_a_time)
    pieces.push_back({tensor, first, std::min(rows_at_a_time, rows - first)});
}

}  // namespace pq
