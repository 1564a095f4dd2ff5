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
  /// Runs the model over the samples, layer by layer. `progress` gets layers done and in all. Throws FormatError for activations that are not
  /// finite, ResourceError if memory or disk do not suffice, Interrupted.
  MeasuredStatistics(const Plan& plan, Executor& executor,
                     const std::function<void(std::int64_t done, std::int64_t total)>& progress);

  /// Statistics of a site; without any for one that no token reached.
  SiteStatistics of(const Site& site) const;
  const CalibrationResult& result() const noexcept { return result_; }

 private:
  void count_experts(const PlannedCalibration& calibration);

  std::map<const Site*, HostStatistics> sites_;
  CalibrationResult result_;
};

}  // namespace pq
