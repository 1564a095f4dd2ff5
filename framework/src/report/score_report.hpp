// How well a model predicts a text, for people and for scripts.
#pragma once

#include "evaluation/score_statistics.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>

namespace pq {

struct ScoreReport {
  ScoreStatistics statistics;
  std::int64_t context = 0, chunks = 0;
  double seconds = 0;
  double tokens_per_second = 0;     // that ran, those of a reference that runs, too
  std::string activations = "f32";  // that products took: f32 or engine
};

/// {"perplexity", "stderr", "tokens", "context", "chunks", "seconds", "activations", and with a reference "reference_perplexity", "kld", "same_top", ...}.
PQ_API nlohmann::ordered_json score_json(const ScoreReport& report);
PQ_API std::string score_text_report(const ScoreReport& report);
/// {"mean", "median", "p90", ...}.
PQ_API nlohmann::ordered_json kld_json(const KldStatistics& kld);

}  // namespace pq
