// The one pass over the source: all tensors, cut into chunks, for all outputs.
#pragma once

#include "run/journal.hpp"
#include "run/run.hpp"

#include <vector>

namespace pq {

/// Writes every chunk that the journal does not know as finished, or that the partial outputs do not hold, and records it.
/// `measured` nullptr: the plan has no calibration.
void run_pass(const Plan& plan, const MeasuredStatistics* measured, std::vector<OutputRun>& runs,
              Journal& journal, Executor& executor, const Progress& progress);

}  // namespace pq
