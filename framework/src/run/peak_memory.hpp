// How much memory this process has used.
#pragma once

#include <cstdint>

namespace pq {

/// Largest resident size of this process so far, in bytes; 0 if the system does not tell.
std::uint64_t peak_memory_bytes();

}  // namespace pq
