// What the pass over a model takes of memory, beside quantizers and calibration.
#pragma once

#include "plan/plan.hpp"

#include <cstdint>

namespace pq {

struct PassMemory {
  std::uint64_t threads = 0;  // of all threads: a chunk as it is stored, decoded, scaled and encoded
  std::uint64_t mapped = 0;   // pages of the file that is being read: the model, then each output by itself
};

/// Needs chunk_weights.
PassMemory pass_memory(const Plan& plan, int threads);

}  // namespace pq
