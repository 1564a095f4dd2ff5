#include "report/calibration_report.hpp"

#include "plan/calibration.hpp"
#include "report/json_values.hpp"

#include <polyquant/base/text.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <tuple>

namespace pq {
namespace {

/// The experts with the fewest tokens.
std::string experts_text(const CalibrationResult& result) {
  std::int64_t fewest = INT64_MAX, experts = 0, tokens = 0;
  std::string where;
  for (const ExpertTokens& layer : result.experts)
    for (std::size_t e = 0; e < layer.tokens.size(); ++e) {
      ++experts;
      tokens += layer.tokens[e];
      if (layer.tokens[e] >= fewest) continue;
      fewest = layer.tokens[e];
      where = fmt::format("layer {}, expert {}", layer.layer, e);
    }
  if (experts == 0) return "";
  return fmt::format("  experts: {} tokens on average, fewest {} ({}), {} of {} without any\n",
                     tokens / experts, fewest, where, result.starved, experts);
}

}  // namespace

nlohmann::ordered_json statistics_json(const Plan& plan) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  if (plan.calibration == nullptr) return json;
  std::map<std::pair<std::string, std::int64_t>, std::size_t> known;
  for (const auto& site : plan.calibration->model->sites()) {
    const StatisticsNeeded needs = plan.calibration->needs_of(*site);
    if (needs == StatisticsNeeded{}) continue;
    const auto [at, is_new] = known.try_emplace({site->name, site->cols}, json.size());
    if (is_new)
      json.push_back({{"site", site->name},
                      {"cols", site->cols},
                      {"count", 0},
                      {"importance", needs.importance},
                      {"mean_absolute", needs.mean_absolute},
                      {"gram", needs.gram}});
    nlohmann::ordered_json& entry = json[at->second];
    entry["count"] = entry["count"].get<std::int64_t>() + 1;
  }
  return json;
}

nlohmann::ordered_json calibration_json(const PlannedCalibration& calibration,
                                        const CalibrationResult* result) {
  nlohmann::ordered_json sources = nlohmann::ordered_json::array();
  for (const SourceUse& use : calibration.samples.sources)
    sources.push_back({{"path", use.path.string()},
                       {"documents", use.documents},
                       {"documents_read", use.documents_read},
                       {"samples", use.samples},
                       {"tokens", use.tokens}});
  nlohmann::ordered_json json = {{"samples", calibration.samples.samples.size()},
                                 {"length", calibration.length},
                                 {"tokens", calibration.samples.tokens()},
                                 {"tokens_sha256", calibration.samples.hash},
                                 {"inputs", calibration.quantized_inputs ? "quantized" : "original"},
                                 {"sources", std::move(sources)},
                                 {"activations", calibration.hidden_in_file ? "file" : "memory"},
                                 {"activations_bytes", calibration.hidden_bytes}};
  if (result == nullptr) return json;
  json["seconds"] = json_number(result->seconds);
  if (result->experts.empty()) return json;
  json["experts"] = nlohmann::ordered_json::array();
  for (const ExpertTokens& layer : result->experts)
    json["experts"].push_back({{"layer", layer.layer}, {"tokens", layer.tokens}});
  json["starved_experts"] = result->starved;
  return json;
}

std::string calibration_text(const PlannedCalibration& calibration, const CalibrationResult* result) {
  std::string text =
      fmt::format("calibration: {} samples of {} tokens ({}), inputs of {} matrices measured{}{}\n",
                  calibration.samples.samples.size(), calibration.length, calibration.samples.tokens(),
                  calibration.needs.size(), calibration.quantized_inputs ? " behind quantized layers" : "",
                  result == nullptr ? "" : fmt::format(" in {:.1f} s", result->seconds));
  for (const SourceUse& use : calibration.samples.sources)
    text += fmt::format("  {}: {} of {} documents, {} samples, {} tokens\n", use.path.string(),
                        use.documents_read, use.documents, use.samples, use.tokens);
  if (calibration.hidden_in_file)
    text += fmt::format("  activations of {} between the layers lie in a file in {}\n",
                        format_bytes(static_cast<std::uint64_t>(calibration.hidden_bytes)),
                        calibration.scratch.string());
  return result == nullptr ? text : text + experts_text(*result);
}

}  // namespace pq
