// Executes a plan: reads the source once, writes all outputs, verifies them, and gives them their final names.
#pragma once

#include "plan/plan.hpp"
#include "run/folding.hpp"
#include "run/measured.hpp"

#include <polyquant/base/executor.hpp>
#include <polyquant/quantizer.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace pq {

/// What became of one tensor of one output.
struct TensorResult {
  double squared_error = 0;     // sum of (decoded - wanted)^2
  double squared_weight = 0;    // sum of wanted^2
  std::int64_t exact_rows = 0;  // rows that were repacked or copied without any change
  std::int64_t near_rows = 0;   // rows that were repacked with their codes and scales, but rounded offsets
  std::vector<std::string> warnings;
  std::vector<QuantFigure> figures;  // summed over the tensor
  double relative_error() const {
    return squared_weight > 0 ? squared_error / squared_weight : squared_error > 0 ? 1.0 : 0.0;
  }
};

/// One finished output; `tensors` is parallel to PlannedOutput::tensors.
struct OutputResult {
  std::vector<TensorResult> tensors;
  std::vector<FoldResult> folds;  // of an output that scales channels
  double seconds = 0;             // time of all threads spent on this output, divided by their number
  double relative_error() const;
};

struct RunResult {
  std::vector<OutputResult> outputs;             // parallel to Plan::outputs
  std::optional<CalibrationResult> calibration;  // if the plan has one
  double seconds = 0;
  std::uint64_t peak_memory_bytes = 0;  // largest resident size of the process
};

/// Called now and then from any thread, one at a time: weights done of all, encoded weights of all outputs.
using Progress = std::function<void(std::int64_t done, std::int64_t total)>;

struct RunOptions {
  bool force = false;  // an interrupted run with other settings is given up
  std::function<void(std::int64_t done, std::int64_t total)>
      measuring;  // layers, before the weights of Progress
};

/// Executes the plan, or finishes an interrupted run of the same plan. Throws FormatError for non-finite weights (naming tensor and row) and
/// VerifyError when `lossless: require` is not met or weights are beyond the range of their encoding; after these no output has its final name
/// and no partial file is left. After Interrupted (SIGINT), ResourceError (disk full, a name that was taken meanwhile) and where something could
/// not be read or does not read back as written (FormatError, VerifyError), partial files and journal are kept, so that the same command continues.
/// Errors while starting leave what was there.
PQ_API RunResult execute(const Plan& plan, Executor& executor, const RunOptions& options,
                         const Progress& progress);

}  // namespace pq
