#include "base/interrupt.hpp"

#include <polyquant/base/error.hpp>

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <system_error>
#include <thread>

namespace pq {
namespace {

std::atomic<bool> requested{false};

::sigset_t only_interrupt() noexcept {
  ::sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  return set;
}

void wait_for_interrupts() noexcept {
  const ::sigset_t set = only_interrupt();
  for (int signal = 0; ::sigwait(&set, &signal) == 0;) {
    if (interrupt_requested()) {
      // Not blocked and not handled, it ends the program, as a shell expects of one that Ctrl-C ended.
      ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
      ::raise(SIGINT);
    }
    request_interrupt();
  }
}

}  // namespace

void watch_interrupts() {
  const ::sigset_t set = only_interrupt();
  // Shells start what ends with & with the signal ignored; it is waited for there, too.
  ::signal(SIGINT, SIG_DFL);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  try {
    std::thread(wait_for_interrupts).detach();
  } catch (const std::system_error&) {
    // No more threads can be had: SIGINT ends the program at once, as a kill does, which keeps the state of a run, too.
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  }
}

void request_interrupt() noexcept { requested.store(true, std::memory_order_relaxed); }
void clear_interrupt() noexcept { requested.store(false, std::memory_order_relaxed); }
bool interrupt_requested() noexcept { return requested.load(std::memory_order_relaxed); }

void throw_if_interrupted() {
  if (interrupt_requested()) throw Interrupted("interrupted");
}

}  // namespace pq
