#include "plan/fold_sample.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>

namespace pq {

SampleRows::SampleRows(std::int64_t rows, std::int64_t cols)
    : rows_(rows), cols_(cols), weights_(static_cast<std::size_t>(rows * cols)) {
  std::mt19937 random(1);
  for (float& w : weights_) w = static_cast<float>(random() % 2001) * 1e-3f - 1.0f;
}

void SampleRows::read(std::int64_t first, Matrix out) const {
  looked_at_ += out.rows;
  for (std::int64_t r = 0; r < out.rows; ++r) {
    const auto row = all().row(first + r);
    std::copy(row.begin(), row.end(), out.row(r).begin());
  }
}

SampleStatistics::SampleStatistics(std::int64_t cols)
    : cols_(cols), gram_(static_cast<std::size_t>(cols * cols)) {
  constexpr float kSquare = 8;  // of every input, in the mean
  for (std::int64_t i = 0; i < cols; ++i)
    for (std::int64_t j = 0; j < cols; ++j)
      gram_[static_cast<std::size_t>(i * cols + j)] =
          i == j ? kSquare : 0.5f / static_cast<float>(std::abs(i - j));
  squares_.assign(static_cast<std::size_t>(cols), kSquare);
}

SiteStatistics SampleStatistics::get() const {
  return {squares_, squares_, {gram_.data(), cols_, cols_, cols_}, 1};
}

FoldTrials try_fold(const Quantizer& folder, const Encoding& encoding, Effort effort, std::int64_t rows,
                    std::int64_t cols, Executor& executor) {
  const SampleRows weights(rows, cols);
  const SampleStatistics statistics(cols);
  FoldJob job;
  job.producer = "sample";
  job.channels = cols;
  job.effort = effort;
  job.readers.push_back({"sample", &weights, &encoding, statistics.get()});
  const auto start = std::chrono::steady_clock::now();
  folder.fold(job, {executor, nullptr});
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  return {elapsed.count(), weights.looked_at()};
}

std::int64_t rows_looked_at(const Quantizer& folder, const Encoding& encoding, Effort effort,
                            std::int64_t times, std::int64_t fewest, std::int64_t most, Executor& executor) {
  constexpr double kSlow = 0.1;  // seconds; the next matrix takes twice as long
  const auto width =
      static_cast<std::int64_t>(round_up(32, static_cast<std::uint64_t>(encoding.info().block_cols)));
  for (std::int64_t rows = fewest; rows < 2 * most; rows *= 2) {
    const FoldTrials trials = try_fold(folder, encoding, effort, rows, width, executor);
    const std::int64_t seen = trials.looked_at / times;
    if (seen < rows) return seen;
    if (trials.seconds > kSlow) break;
  }
  return 0;
}

}  // namespace pq
