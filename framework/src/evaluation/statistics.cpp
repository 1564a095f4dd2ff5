#include "evaluation/statistics.hpp"

#include "base/interrupt.hpp"
#include "evaluation/pieces.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace pq {

void TensorStatistics::add(ConstMatrix weights_of_rows) noexcept {
  for (std::int64_t r = 0; r < weights_of_rows.rows; ++r) {
    for (const float w : weights_of_rows.row(r)) {
      ++weights;
      if (std::isnan(w)) {
        ++nan;
        continue;
      }
      if (std::isinf(w)) {
        ++infinite;
        continue;
      }
      const bool is_first = finite() == 1;
      smallest = is_first ? w : std::min(smallest, w);
      largest = is_first ? w : std::max(largest, w);
      zeros += w == 0.0f ? 1 : 0;
      sum += static_cast<double>(w);
      sum_of_squares += static_cast<double>(w) * static_cast<double>(w);
    }
  }
}

void TensorStatistics::add(const TensorStatistics& other) noexcept {
  if (other.finite() > 0) {
    smallest = finite() == 0 ? other.smallest : std::min(smallest, other.smallest);
    largest = finite() == 0 ? other.largest : std::max(largest, other.largest);
  }
  weights += other.weights;
  zeros += other.zeros;
  nan += other.nan;
  infinite += other.infinite;
  sum += other.sum;
  sum_of_squares += other.sum_of_squares;
}

double TensorStatistics::rms() const noexcept {
  return finite() == 0 ? 0.0 : std::sqrt(sum_of_squares / static_cast<double>(finite()));
}

TensorStatistics tensor_statistics(const Shape& shape, const RowSource& read, Executor& executor) {
  const std::int64_t width = cols(shape);
  std::vector<Piece> pieces;
  append_pieces(pieces, 0, weight_rows(shape),
                std::max<std::int64_t>(1, kPieceWeights / std::max<std::int64_t>(1, width)));
  std::vector<TensorStatistics> parts(pieces.size());
  executor.for_ranges(static_cast<std::int64_t>(pieces.size()), 4, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> weights;
    for (auto p = static_cast<std::size_t>(begin); p < static_cast<std::size_t>(end); ++p) {
      throw_if_interrupted();
      weights.resize(static_cast<std::size_t>(pieces[p].count * width));
      const Matrix out{weights.data(), pieces[p].count, width, width};
      read(pieces[p].first, out);
      parts[p].add(out);
    }
  });
  TensorStatistics result;
  for (const TensorStatistics& part : parts) result.add(part);
  return result;
}

}  // namespace pq
