// JSON of untrusted files as a tree.
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace pq::hf {

/// Throws FormatError, beginning with `where`, for invalid JSON or UTF-8, members listed twice, and more than 64 levels.
nlohmann::json parse_strict_json(std::string_view text, const std::string& where);

}  // namespace pq::hf
