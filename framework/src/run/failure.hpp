// What becomes of a run's state when it fails.
#pragma once

#include <exception>
#include <string>

namespace pq {

/// Marks errors that the same command would meet again, however often: nothing of the run is worth keeping.
struct MetAgain {
  virtual ~MetAgain() = default;
};

/// An error `E` of that kind.
template <class E>
struct Lasting final : E, MetAgain {
  using E::E;
};

/// What is done stays for the next run: after an interruption, when a disk or the memory was too small, when something could not be read (back),
/// and whenever there was something before. Not after errors that the same command would meet again. Looks at the innermost of nested errors.
bool keeps_state(const std::exception_ptr& failure, bool had_state, bool started);

/// The messages of an error and of those nested in it, as one.
std::string full_message(const std::exception& error);

/// Throws an error of the same kind that says how to go on, where that can help. `starts_over`: the next run makes all tensors again.
[[noreturn]] void rethrow_with_advice(const std::exception_ptr& failure, bool starts_over);

}  // namespace pq
