#include "report/score_report.hpp"

#include "report/json_values.hpp"

#include <fmt/format.h>

namespace pq {

nlohmann::ordered_json kld_json(const KldStatistics& kld) {
  return {{"mean", json_number(kld.mean.value)}, {"stderr", json_number(kld.mean.stderr_)},
          {"median", json_number(kld.median)},   {"p90", json_number(kld.p90)},
          {"p95", json_number(kld.p95)},         {"p99", json_number(kld.p99)},
          {"p99_9", json_number(kld.p99_9)},     {"min", json_number(kld.min)},
          {"max", json_number(kld.max)}};
}

nlohmann::ordered_json score_json(const ScoreReport& report) {
  const ScoreStatistics& s = report.statistics;
  nlohmann::ordered_json json = {{"perplexity", json_number(s.perplexity.value)},
                                 {"stderr", json_number(s.perplexity.stderr_)},
                                 {"tokens", s.tokens},
                                 {"context", report.context},
                                 {"chunks", report.chunks},
                                 {"seconds", json_number(report.seconds)},
                                 {"activations", report.activations}};
  if (!s.kld) return json;
  json["reference_perplexity"] = json_number(s.reference_perplexity->value);
  json["log_ratio"] = {{"value", json_number(s.kld->log_ratio.value)},
                       {"stderr", json_number(s.kld->log_ratio.stderr_)}};
  json["kld"] = kld_json(*s.kld);
  json["same_top"] = json_number(s.kld->same_top.value);
  json["same_top_stderr"] = json_number(s.kld->same_top.stderr_);
  return json;
}

std::string score_text_report(const ScoreReport& report) {
  const ScoreStatistics& s = report.statistics;
  std::string text =
      fmt::format("perplexity            {:.4f} ± {:.4f}\n", s.perplexity.value, s.perplexity.stderr_);
  if (s.kld) {
    const KldStatistics& k = *s.kld;
    text += fmt::format("  of the reference    {:.4f} ± {:.4f}\n", s.reference_perplexity->value,
                        s.reference_perplexity->stderr_);
    text += fmt::format("  log of the ratio    {:+.5f} ± {:.5f}\n", k.log_ratio.value, k.log_ratio.stderr_);
    text += fmt::format(
        "KL divergence, nats   {:.6f} ± {:.6f}   median {:.6f}   90 % {:.5f}   99 % {:.5f}   99.9 % {:.4f}   "
        "max {:.4f}\n",
        k.mean.value, k.mean.stderr_, k.median, k.p90, k.p99, k.p99_9, k.max);
    text += fmt::format("same most probable    {:.3f} ± {:.3f} %\n", 100 * k.same_top.value,
                        100 * k.same_top.stderr_);
  }
  return text + fmt::format("{} predictions scored in {} chunks of {} tokens, {:.1f} s{}\n", s.tokens,
                            report.chunks, report.context, report.seconds,
                            report.activations == "f32" ? "" : ", activations of the " + report.activations);
}

}  // namespace pq
