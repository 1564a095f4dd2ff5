// The user's wish to stop (SIGINT): a flag that long work asks for between pieces.
#pragma once

#include <polyquant/base/export.hpp>

namespace pq {

/// Remembers the wish. May be called from a signal handler and from any thread.
PQ_API void request_interrupt() noexcept;
/// Forgets it (tests, and programs that go on after an interrupted run).
PQ_API void clear_interrupt() noexcept;
PQ_API bool interrupt_requested() noexcept;

/// Throws Interrupted if the user asked to stop. Callable from any thread.
PQ_API void throw_if_interrupted();

}  // namespace pq
