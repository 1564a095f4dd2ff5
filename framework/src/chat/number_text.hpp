// Numbers in texts, as Python's int() and float() read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pq::jinja {

/// Nothing if it is no number. Throws TemplateError if it needs more than 64 bits. Base 0: by the prefix 0x, 0o or 0b.
std::optional<std::int64_t> parse_integer(std::string_view text, int base);
std::optional<double> parse_float(std::string_view text);

}  // namespace pq::jinja
