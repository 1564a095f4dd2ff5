// Statistics of the weights of one tensor.
#pragma once

#include <polyquant/base/executor.hpp>
#include <polyquant/base/export.hpp>
#include <polyquant/base/matrix.hpp>
#include <polyquant/base/shape.hpp>

#include <cstdint>
#include <functional>

namespace pq {

/// NaN and infinities are counted; all other figures are those of the finite weights.
struct PQ_API TensorStatistics {
  std::int64_t weights = 0;
  std::int64_t zeros = 0;
  std::int64_t nan = 0;
  std::int64_t infinite = 0;
  float smallest = 0;  // 0 if no weight is finite
  float largest = 0;
  double sum = 0;
  double sum_of_squares = 0;

  void add(ConstMatrix weights_of_rows) noexcept;
  void add(const TensorStatistics& other) noexcept;

  std::int64_t finite() const noexcept { return weights - nan - infinite; }
  double mean() const noexcept { return finite() == 0 ? 0.0 : sum / static_cast<double>(finite()); }
  double rms() const noexcept;
};

/// Decodes rows [first, first + out.rows); called from several threads.
using RowSource = std::function<void(std::int64_t first, Matrix out)>;

/// The same result for any number of threads.
PQ_API TensorStatistics tensor_statistics(const Shape& shape, const RowSource& read, Executor& executor);

}  // namespace pq
