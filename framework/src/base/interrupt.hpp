// The user's wish to stop (SIGINT): a flag that long work asks for between pieces.
#pragma once

#include <polyquant/base/export.hpp>

namespace pq {

/// From now on a thread of its own waits for SIGINT and remembers the wish; the second SIGINT ends the program at once. Blocks the signal in
/// the calling thread and so in all that are made later, those of libraries included: oneDNN's products use the stack pointer for data, and a
/// signal frame would be written over whatever it points to. Call it once, before there is any other thread.
PQ_API void watch_interrupts();

/// Remembers the wish. May be called from any thread.
PQ_API void request_interrupt() noexcept;
/// Forgets it (tests, and programs that go on after an interrupted run).
PQ_API void clear_interrupt() noexcept;
PQ_API bool interrupt_requested() noexcept;

/// Throws Interrupted if the user asked to stop. Callable from any thread.
PQ_API void throw_if_interrupted();

}  // namespace pq
