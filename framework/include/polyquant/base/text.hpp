// Small text helpers for messages.
#pragma once

#include <polyquant/base/export.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

/// The candidate closest to `word` (edit distance at most a third of its length, at least 1), or nothing.
PQ_API std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

/// "; did you mean 'block'?", or "; known: a, b, c" (at most 12 names), or "".
PQ_API std::string suggestion(std::string_view word, const std::vector<std::string>& candidates);

/// "1.23 GiB", "512 B": binary units.
PQ_API std::string format_bytes(std::uint64_t bytes);

/// True if `text` is valid UTF-8 (no surrogates, no overlong forms).
PQ_API bool is_utf8(std::string_view text) noexcept;

}  // namespace pq
