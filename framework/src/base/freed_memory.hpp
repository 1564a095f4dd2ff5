// Memory that was freed goes back to the system.
#pragma once

namespace pq {

/// The allocator keeps what was freed, in case that it is asked for again: worth calling between phases that need other sizes.
void give_back_freed_memory() noexcept;

}  // namespace pq
