// The statistics that a run measures before it quantizes.
#pragma once

#include "calibration/site_sums.hpp"
#include "plan/plan.hpp"

#include <polyquant/base/executor.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace pq {

class ProducedWeights;
struct PlannedCalibration;

/// How many tokens chose each expert of a layer.
struct ExpertTokens {
  int layer = 0;
  std::vector<std::int64_t> tokens;  // by expert
};

/// What a run says of its calibration.
struct CalibrationResult {
  double seconds = 0;
  std::vector<ExpertTokens> experts;  // of the layers that have any
  std::int64_t starved = 0;           // experts that no token chose
  std::vector<std::string> warnings;
};

/// Immutable, callable from any thread.
class MeasuredStatistics {
 public:
  /// Gets a layer of whose inputs Gram matrices are there: only while it runs, because those of all layers together may be larger than the
  /// memory.
  using LayerUser = std::function<void(int layer, const MeasuredStatistics& so_far)>;
  /// Runs the model over the samples, layer by layer. `progress` gets layers done and in all. Throws FormatError for activations that are not
  /// finite, ResourceError if memory or disk do not suffice, Interrupted, and what `use_layer` throws.
  /// `produced`: where the weights come from if layers are quantized as the samples reach them, else nullptr.
  MeasuredStatistics(const Plan& plan, Executor& executor,
                     const std::function<void(std::int64_t done, std::int64_t total)>& progress,
                     const LayerUser& use_layer, ProducedWeights* produced);

  /// Of the statistics of a site those that are needed, whatever other outputs had measured; without any for one that no token reached.
  SiteStatistics of(const Site& site, const StatisticsNeeded& needed) const;
  const CalibrationResult& result() const noexcept { return result_; }

 private:
  /// Copies what was summed at the sites of a layer; the device keeps no Gram matrix of them.
  bool take_layer(const PlannedCalibration& calibration, int layer, SiteSums& sums, Device& device);
  void drop_grams(const PlannedCalibration& calibration, int layer);
  void count_experts(const PlannedCalibration& calibration);
  std::int64_t samples(const Site& site) const;

  std::map<const Site*, HostStatistics> sites_;
  CalibrationResult result_;
};

}  // namespace pq
