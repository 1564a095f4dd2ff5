// The message about a model that no family describes.
#pragma once

#include <string>
#include <string_view>

namespace pq {

/// Throws FormatError with what is known and how a family is added. `consequence` begins with its punctuation: ", so it cannot be run".
[[noreturn]] void throw_unknown_family(const std::string& place, const std::string& name,
                                       std::string_view consequence);

}  // namespace pq
