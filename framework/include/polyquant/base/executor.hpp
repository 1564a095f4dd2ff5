// Parallel loops on the program's one thread pool.
#pragma once

#include <cstdint>
#include <functional>

namespace pq {

/// Runs loops on a fixed number of threads. Results must not depend on which thread runs what.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual int threads() const noexcept = 0;
  /// Calls body(begin, end) for disjoint ranges that cover [0, count), each at most `grain` long (grain >= 1), and waits. Ranges start at
  /// multiples of `grain`. The first exception is rethrown after all running ranges have ended. May be nested.
  virtual void for_ranges(std::int64_t count, std::int64_t grain,
                          const std::function<void(std::int64_t begin, std::int64_t end)>& body) = 0;
};

}  // namespace pq
