// Made-up matrices, to see what a quantizer costs.
#pragma once

#include "plan/plan.hpp"

#include <atomic>
#include <cstdint>
#include <vector>

namespace pq {

/// Made-up weights, all of a tensor.
class SampleRows final : public TensorRows {
 public:
  SampleRows(std::int64_t rows, std::int64_t cols);
  ConstMatrix all() const { return {weights_.data(), rows_, cols_, cols_}; }
  std::int64_t rows() const override { return rows_; }
  std::int64_t cols() const override { return cols_; }
  /// Rows that were asked for.
  std::int64_t looked_at() const { return looked_at_; }
  void read(std::int64_t first, Matrix out) const override;

 private:
  std::int64_t rows_, cols_;
  std::vector<float> weights_;
  mutable std::atomic<std::int64_t> looked_at_{0};
};

/// Statistics of inputs of which each is like its neighbours. It must outlive what it gives.
class SampleStatistics {
 public:
  explicit SampleStatistics(std::int64_t cols);
  SiteStatistics get() const;

 private:
  std::int64_t cols_;
  std::vector<float> gram_, squares_;
};

/// Trials for the scales of one made-up matrix.
struct FoldTrials {
  double seconds = 0;  // with all threads
  std::int64_t looked_at = 0;
};
FoldTrials try_fold(const Quantizer& folder, const Encoding& encoding, Effort effort, std::int64_t rows,
                    std::int64_t cols, Executor& executor);

/// How many rows of a matrix of `most` rows are looked at, each `times` times; matrices of `fewest` rows and more are tried; 0 = all, or so many that
/// finding out takes long.
std::int64_t rows_looked_at(const Quantizer& folder, const Encoding& encoding, Effort effort,
                            std::int64_t times, std::int64_t fewest, std::int64_t most, Executor& executor);

}  // namespace pq
