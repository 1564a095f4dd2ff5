// What quantizers that prepare much (error feedback) take of memory and time.
#pragma once

#include "plan/plan.hpp"

#include <cstdint>

namespace pq {

struct QuantizerBytes {
  std::uint64_t producing = 0;  // at most, while tensors are produced
  std::uint64_t between = 0;    // a quantizer may keep what it made last for a site
};

/// The quantizers of the tensors that are produced at the same time, and what writers gather of them. Needs chunk_weights.
QuantizerBytes quantizer_bytes(const Plan& plan, int threads);

/// Seconds of preparing and quantizing the tensors of an output whose inputs are measured, with all threads. Measured with small made-up
/// tensors, one size for what a weight costs and another for how that grows with the row.
double feedback_seconds(const PlannedOutput& output, Effort effort, Executor& executor);

/// Seconds of choosing the scales of channels of an output, with all threads; 0 if nobody does. Measured likewise.
double folding_seconds(const PlannedOutput& output, Effort effort, Executor& executor);

/// Whether feedback_seconds() covers the tensor.
bool has_feedback(const PlannedOutput& output, const PlannedTensor& tensor);

}  // namespace pq
