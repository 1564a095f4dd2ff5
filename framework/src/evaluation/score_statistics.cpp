#include "evaluation/score_statistics.hpp"

#include <algorithm>
#include <cmath>

namespace pq {
namespace {

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double x : values) sum += x;
  return values.empty() ? 0.0 : sum / static_cast<double>(values.size());
}

/// Covariance of the two means.
double covariance(std::span<const double> a, std::span<const double> b) {
  if (a.size() < 2) return 0;
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  const auto n = static_cast<double>(a.size());
  return (sum / n - mean(a) * mean(b)) / (n - 1);
}

Measured mean_of(std::span<const double> values) {
  return {mean(values), std::sqrt(std::max(0.0, covariance(values, values)))};
}

KldStatistics kld_of(const TextScores& scores) {
  KldStatistics result;
  std::vector<double> sorted = scores.kld;
  std::sort(sorted.begin(), sorted.end());
  result.mean = mean_of(scores.kld);
  result.median = percentile(sorted, 0.5);
  result.p90 = percentile(sorted, 0.9);
  result.p95 = percentile(sorted, 0.95);
  result.p99 = percentile(sorted, 0.99);
  result.p99_9 = percentile(sorted, 0.999);
  result.min = sorted.front();
  result.max = sorted.back();
  const std::vector<double> same(scores.same_top.begin(), scores.same_top.end());
  result.same_top = mean_of(same);
  result.log_ratio.value = mean(scores.nll) - mean(scores.reference_nll);
  result.log_ratio.stderr_ = std::sqrt(std::max(
      0.0, covariance(scores.nll, scores.nll) + covariance(scores.reference_nll, scores.reference_nll) -
               2 * covariance(scores.nll, scores.reference_nll)));
  return result;
}

}  // namespace

Measured perplexity(std::span<const double> nll) {
  const Measured log = mean_of(nll);
  return {std::exp(log.value), std::exp(log.value) * log.stderr_};
}

double percentile(std::span<const double> sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (place - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

ScoreStatistics statistics_of(const TextScores& scores) {
  ScoreStatistics result;
  result.tokens = static_cast<std::int64_t>(scores.nll.size());
  result.perplexity = perplexity(scores.nll);
  if (scores.kld.empty()) return result;
  result.reference_perplexity = perplexity(scores.reference_nll);
  result.kld = kld_of(scores);
  return result;
}

}  // namespace pq
