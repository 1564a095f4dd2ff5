#include "run/measured.hpp"

#include "calibration/measure.hpp"
#include "plan/calibration.hpp"
#include "run/produced_weights.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace pq {

MeasuredStatistics::MeasuredStatistics(const Plan& plan, Executor& executor,
                                       const std::function<void(std::int64_t, std::int64_t)>& progress,
                                       const LayerUser& use_layer, ProducedWeights* produced) {
  const auto start = std::chrono::steady_clock::now();
  std::chrono::steady_clock::duration producing{};  // of the tensors of a layer, which is no measuring
  const PlannedCalibration& calibration = *plan.calibration;
  const auto device = plan.backend->open(plan.device, executor);
  const WeightSource& weights = produced != nullptr ? *produced : *calibration.weights;
  ForwardPass pass(*calibration.model, weights, *device, executor);
  MeasureOptions options;
  options.needs = [&](const Site& site) { return calibration.needs_of(site); };
  options.hidden_bytes = calibration.hidden_in_file ? 0 : -1;
  options.scratch = calibration.scratch;
  options.progress = progress;
  options.layers = calibration.layers();
  options.twice = produced != nullptr;
  options.layer_done = [&](int layer, SiteSums& sums) {
    if (produced != nullptr) produced->clear();  // the layer before has run
    if (!take_layer(calibration, layer, sums, *device) && produced == nullptr) return;
    const auto used = std::chrono::steady_clock::now();
    use_layer(layer, *this);
    producing += std::chrono::steady_clock::now() - used;
    drop_grams(calibration, layer);
  };
  measure_sites(pass, *device, calibration.samples, options);
  count_experts(calibration);
  result_.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start - producing).count();
}

bool MeasuredStatistics::take_layer(const PlannedCalibration& calibration, int layer, SiteSums& sums,
                                    Device& device) {
  bool has_gram = false;
  for (const auto& site : calibration.model->sites()) {
    const SiteSum* sum = site->layer == layer ? sums.find(*site) : nullptr;
    if (sum == nullptr) continue;
    has_gram = has_gram || sum->gram != nullptr;
    sites_.emplace(site.get(), host_statistics(*sum, device));
    sums.drop_gram(*site);  // one by one: never two copies of all
  }
  return has_gram;
}

void MeasuredStatistics::drop_grams(const PlannedCalibration& calibration, int layer) {
  for (const auto& site : calibration.model->sites())
    if (const auto found = sites_.find(site.get()); site->layer == layer && found != sites_.end())
      found->second.gram = std::vector<float>();  // `= {}` would keep the memory
}

SiteStatistics MeasuredStatistics::of(const Site& site, const StatisticsNeeded& needed) const {
  const auto found = sites_.find(&site);
  if (found == sites_.end()) return {};
  SiteStatistics statistics = found->second.view();
  if (!needed.importance) statistics.importance = {};
  if (!needed.mean_absolute) statistics.mean_absolute = {};
  if (!needed.gram) statistics.gram = {};
  return statistics;
}

std::int64_t MeasuredStatistics::samples(const Site& site) const {
  const auto found = sites_.find(&site);
  return found == sites_.end() ? 0 : found->second.samples;
}

void MeasuredStatistics::count_experts(const PlannedCalibration& calibration) {
  std::map<int, std::vector<std::int64_t>> layers;
  for (const auto& site : calibration.model->sites()) {
    if (site->expert < 0 || calibration.needs_of(*site) == StatisticsNeeded{}) continue;
    std::vector<std::int64_t>& tokens = layers[site->layer];
    const auto expert = static_cast<std::size_t>(site->expert);
    tokens.resize(std::max(tokens.size(), expert + 1));
    tokens[expert] = std::max(tokens[expert], samples(*site));
  }
  std::int64_t experts = 0;
  for (auto& [layer, tokens] : layers) {
    experts += static_cast<std::int64_t>(tokens.size());
    result_.starved += std::count(tokens.begin(), tokens.end(), 0);
    result_.experts.push_back({layer, std::move(tokens)});
  }
  if (result_.starved > 0)
    result_.warnings.push_back(
        fmt::format("{} of {} experts were chosen by no token of the calibration data, so all their columns "
                    "count equally; give "
                    "more or other texts",
                    result_.starved, experts));
}

}  // namespace pq
