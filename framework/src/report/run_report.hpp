// Plans and results for people and for scripts.
#pragma once

#include "run/run.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace pq {

/// The JSON of `plan` and `run` (contract: docs/reference/json.md).
PQ_API nlohmann::ordered_json plan_json(const Plan& plan);
PQ_API nlohmann::ordered_json run_json(const Plan& plan, const RunResult& result);

/// What `plan` prints: per output how many tensors of which encoding and route, bytes, notes; then memory, time, warnings.
/// `every_tensor`: also a line for each, with the role that rules can name.
PQ_API std::string plan_text(const Plan& plan, bool every_tensor = false);
/// The coverage table of a run: every encoding with its tensors, bytes and error, the worst tensors, warnings.
PQ_API std::string run_text(const Plan& plan, const RunResult& result);

/// Writes run_json() to plan.report, if there is one. Throws ResourceError if it cannot, also where that name was taken during the run and
/// check_outputs() would refuse it by now.
PQ_API void write_report(const Plan& plan, const RunResult& result, bool force);

}  // namespace pq
