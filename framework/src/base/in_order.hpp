// Loops over pieces of mapped files.
#pragma once

#include <polyquant/base/executor.hpp>

#include <atomic>
#include <cstdint>

namespace pq {

/// Calls body(i) once for each 0 <= i < count, with all threads: each takes the next i that nobody has. The executor itself hands out halves and
/// quarters of a loop, so that the threads work far from each other, and around each of them pages of the file stay in memory.
template <class Body>
void for_each_in_order(Executor& executor, std::int64_t count, const Body& body) {
  std::atomic<std::int64_t> next{0};
  executor.for_ranges(count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (; begin < end; ++begin) body(next.fetch_add(1, std::memory_order_relaxed));
  });
}

}  // namespace pq
