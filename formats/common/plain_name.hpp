// Names from files that become paths.
#pragma once

#include <string_view>

namespace pq::hf {

/// True for the name of a file in its folder: not empty, no separator, no NUL, not "." or "..".
inline bool is_plain_name(std::string_view name) noexcept {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

}  // namespace pq::hf
