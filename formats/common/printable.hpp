// Names from files in messages.
#pragma once

#include <string>
#include <string_view>

namespace pq::hf {

/// The text in single quotes for a message: control characters as \xNN (a hostile name must not steer the terminal), at most 120 bytes.
std::string shown(std::string_view text);

}  // namespace pq::hf
