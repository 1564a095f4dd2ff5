#include "plan/quantizer_costs.hpp"

#include "base/thread_pool.hpp"
#include "plan/fold_sample.hpp"
#include "plan/folding.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace pq {
namespace {

constexpr std::int64_t kRows = 64;

struct Seconds {
  double preparing = 0;   // with all threads
  double per_weight = 0;  // on one thread
};

Seconds measure(const PlannedOutput& output, const Encoding& encoding, Effort effort, std::int64_t cols,
                Executor& executor) {
  using Clock = std::chrono::steady_clock;
  const SampleRows rows(kRows, cols);
  const SampleStatistics statistics(cols);
  QuantJob job{"sample", kRows, cols, &encoding, {}, effort, &rows};
  job.statistics = statistics.get();
  const RunContext context{executor, nullptr};
  std::vector<std::byte> bytes(encoding.row_bytes(cols) * static_cast<std::size_t>(kRows));
  Seconds best{1e9, 1e9};
  for (int repeat = 0; repeat < 2; ++repeat) {
    const auto start = Clock::now();
    const auto prepared = output.quantizer->prepare(job, context);
    const auto middle = Clock::now();
    QuantReport ignored;
    prepared->quantize(rows.all(), 0, bytes, ignored);
    const auto end = Clock::now();
    best.preparing = std::min(best.preparing, std::chrono::duration<double>(middle - start).count());
    best.per_weight = std::min(best.per_weight, std::chrono::duration<double>(end - middle).count() /
                                                    static_cast<double>(kRows * cols));
  }
  return best;
}

/// Preparing grows with the cube of the columns, a weight costs a + b * columns.
struct Speed {
  double per_cube = 0, per_weight = 0, per_weight_and_col = 0;
};

Speed speed_of(const PlannedOutput& output, const Encoding& encoding, Effort effort, Executor& executor) {
  const auto block = static_cast<std::uint64_t>(encoding.info().block_cols);
  const auto few = static_cast<std::int64_t>(round_up(256, block)),
             many = static_cast<std::int64_t>(round_up(768, block));
  const Seconds a = measure(output, encoding, effort, few, executor);
  if (few == many) return {a.preparing / std::pow(static_cast<double>(few), 3), a.per_weight, 0};
  const Seconds b = measure(output, encoding, effort, many, executor);
  Speed speed;
  speed.per_cube = b.preparing / std::pow(static_cast<double>(many), 3);
  speed.per_weight_and_col = std::max(0.0, (b.per_weight - a.per_weight) / static_cast<double>(many - few));
  speed.per_weight = std::max(0.0, b.per_weight - speed.per_weight_and_col * static_cast<double>(many));
  return speed;
}

/// A weight of the rows that are looked at costs a + b * columns.
struct FoldSpeed {
  std::int64_t rows = 0;  // that are looked at; 0 = all
  double per_weight = 0, per_weight_and_col = 0;
};
/// A plan takes no longer for slow settings: what a small sample says then has to do, and how many rows are looked at is asked with little effort.
FoldSpeed fold_speed(const PlannedOutput& output, const Encoding& encoding, Effort effort, std::int64_t most,
                     Executor& executor) {
  constexpr std::int64_t kFew = 16, kMany = 256;      // rows
  constexpr double kSlowFew = 0.05, kSlowMany = 0.5;  // seconds
  const auto block = static_cast<std::uint64_t>(encoding.info().block_cols);
  const auto narrow = static_cast<std::int64_t>(round_up(256, block)),
             wide = static_cast<std::int64_t>(round_up(1024, block));
  const FoldTrials once = try_fold(*output.folder, encoding, effort, kFew, narrow, executor);
  const std::int64_t times = std::max<std::int64_t>(1, once.looked_at / kFew);
  if (once.seconds > kSlowFew)
    return {rows_looked_at(*output.folder, encoding, Effort::fast, times, 2 * kFew, most, executor),
            once.seconds / static_cast<double>(kFew * narrow), 0};
  const FoldTrials a = try_fold(*output.folder, encoding, effort, kMany, narrow, executor);
  const std::int64_t rows = std::max<std::int64_t>(1, a.looked_at / times);
  FoldSpeed speed;
  speed.rows = rows < kMany
                   ? rows
                   : rows_looked_at(*output.folder, encoding, effort, times, 2 * kMany, most, executor);
  const double first = a.seconds / static_cast<double>(rows * narrow);
  if (narrow != wide && a.seconds < kSlowMany) {
    const FoldTrials b = try_fold(*output.folder, encoding, effort, kMany, wide, executor);
    const double second = b.seconds / static_cast<double>(rows * wide);
    speed.per_weight_and_col = std::max(0.0, (second - first) / static_cast<double>(wide - narrow));
  }
  speed.per_weight = std::max(0.0, first - speed.per_weight_and_col * static_cast<double>(narrow));
  return speed;
}

}  // namespace

double folding_seconds(const PlannedOutput& output, Effort effort, Executor& executor) {
  if (output.folding == nullptr) return 0;
  std::map<std::string, FoldSpeed> speeds;
  double seconds = 0;
  std::int64_t most = 0;
  for (const auto& readers : output.folding->readers)
    for (const FoldedMatrix& matrix : readers)
      most = std::max(most, rows_of_matrix(output.model.tensors[matrix.tensor].shape));
  for (const auto& readers : output.folding->readers)
    for (const FoldedMatrix& matrix : readers) {
      const PlannedTensor& tensor = output.tensors[matrix.tensor];
      const OutputTensor& out = output.model.tensors[matrix.tensor];
      const auto [at, is_fresh] = speeds.try_emplace(out.encoding);
      if (is_fresh) at->second = fold_speed(output, *tensor.encoding, effort, most, executor);
      const FoldSpeed& speed = at->second;
      const std::int64_t all = rows_of_matrix(out.shape);
      const auto rows = static_cast<double>(speed.rows == 0 ? all : std::min(all, speed.rows)),
                 width = static_cast<double>(cols(out.shape));
      seconds += rows * width * (speed.per_weight + speed.per_weight_and_col * width);
    }
  return seconds;
}

double feedback_seconds(const PlannedOutput& output, Effort effort, Executor& executor) {
  std::map<std::string, Speed> speeds;
  std::set<const Site*> sites;
  double seconds = 0;
  for (std::size_t i = 0; i < output.tensors.size(); ++i) {
    const PlannedTensor& tensor = output.tensors[i];
    if (!has_feedback(output, tensor)) continue;
    const auto [at, is_fresh] = speeds.try_emplace(output.model.tensors[i].encoding);
    if (is_fresh) at->second = speed_of(output, *tensor.encoding, effort, executor);
    const Speed& speed = at->second;
    const auto width = static_cast<double>(cols(output.model.tensors[i].shape));
    for (const Site* site : tensor.sites)
      if (sites.insert(site).second) seconds += speed.per_cube * width * width * width;
    seconds += (speed.per_weight + speed.per_weight_and_col * width) *
               static_cast<double>(elements(output.model.tensors[i].shape)) / working_threads(executor);
  }
  return seconds;
}

}  // namespace pq
