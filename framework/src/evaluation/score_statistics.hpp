// Figures made of the scores of a text; the definitions are those of llama-perplexity.
#pragma once

#include "evaluation/text_scores.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace pq {

/// A value and its standard error, which takes positions as independent.
struct Measured {
  double value = 0, stderr_ = 0;
};

struct KldStatistics {
  Measured mean;
  double median = 0, p90 = 0, p95 = 0, p99 = 0, p99_9 = 0, min = 0, max = 0;
  Measured same_top;   // share
  Measured log_ratio;  // log(perplexity / perplexity of the reference), with the covariance of the two
};

struct ScoreStatistics {
  std::int64_t tokens = 0;  // scored
  Measured perplexity;
  std::optional<Measured> reference_perplexity;
  std::optional<KldStatistics> kld;
};

/// exp of the mean, with the error of a mean of logarithms.
Measured perplexity(std::span<const double> nll);
/// Between the values floor(p) and floor(p) + 1 of the sorted ones, p = share * (n - 1), linearly.
double percentile(std::span<const double> sorted, double share);

ScoreStatistics statistics_of(const TextScores& scores);

}  // namespace pq
