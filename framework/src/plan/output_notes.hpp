// What a user should know of an output that is as asked for, and yet not as expected.
#pragma once

#include "plan/plan.hpp"

#include <string>
#include <vector>

namespace pq {

/// Weights that are f32 because GGUF wanted it, and remain so because the encoding of the matrices would round them.
void warn_of_kept_f32(const PlannedOutput& output, std::vector<std::string>& warnings);

/// A single file has no place for what lies beside the weights.
void warn_of_lost_files(const PlannedOutput& output, std::vector<std::string>& warnings);

}  // namespace pq
