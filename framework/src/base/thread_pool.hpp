// The program's one thread pool (oneTBB), behind the Executor interface.
#pragma once

#include <polyquant/base/executor.hpp>
#include <polyquant/base/export.hpp>

#include <memory>

namespace pq {

/// A pool of `threads` threads; 0 = as many as the machine (or its container) offers. Callable from any thread.
PQ_API std::unique_ptr<Executor> make_thread_pool(int threads);

/// How many of its threads work at the same time: there may be fewer processors.
PQ_API int working_threads(const Executor& executor);

}  // namespace pq
