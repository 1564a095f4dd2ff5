// Estimates of a plan's memory and time.
#pragma once

#include "plan/plan.hpp"

namespace pq {

/// Fills chunk_weights and peak_memory_bytes of a plan whose outputs are complete.
void estimate(Plan& plan, int threads);

/// Fills seconds. Speeds are measured on this machine with a small sample per encoding (some milliseconds), so the time is a forecast, not a
/// table; only who shows it needs it.
PQ_API void estimate_time(Plan& plan, Executor& executor);

}  // namespace pq
