// Errors of the system that say that something ran out which more of it, or a higher limit, would cure.
#pragma once

#include "base/descriptor.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>

namespace pq {

/// What helps against an errno of that kind; nullptr: it is another.
inline const char* cure_of_shortage(int error) noexcept {
  switch (error) {
    case ENOMEM:
      return "free some memory, raise its limit (ulimit -v), or use fewer --threads";
    case EMFILE:
      return "raise the limit of open files (ulimit -n)";
    case ENFILE:
      return "too many files are open on this machine; end other programs";
    default:
      return nullptr;
  }
}

/// Throws ResourceError "PATH: cannot be opened: REASON; CURE" if memory or open files ran out; else returns.
inline void throw_if_shortage(const std::filesystem::path& path, int error) {
  if (const char* cure = cure_of_shortage(error))
    throw ResourceError(fmt::format("{}: cannot be opened: {}; {}", path.string(), error_text(error), cure));
}

}  // namespace pq
