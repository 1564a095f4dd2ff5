// Estimates of a plan's memory and time.
#pragma once

#include "plan/plan.hpp"

namespace pq {

/// Fills chunk_weights, peak_memory_bytes and seconds of a plan whose outputs are complete. Speeds are measured on this machine with a
/// small sample per encoding (some milliseconds), so the time is a forecast, not a table.
void estimate(Plan& plan, int threads);

}  // namespace pq
