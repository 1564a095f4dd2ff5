// Deterministic damage for the driver.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pq_fuzz {

/// Input number `number`: one of the seeds with a few changes. The same number always gives the same input.
std::string mutated(const std::vector<std::string>& seeds, std::uint64_t number);

}  // namespace pq_fuzz
