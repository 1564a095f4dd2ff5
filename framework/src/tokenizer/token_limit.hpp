// How large a vocabulary may be.
#pragma once

#include <cstdint>

namespace pq {

/// Ids are below this: far above every vocabulary, small enough to index.
inline constexpr std::int64_t kMaxTokens = std::int64_t{1} << 26;

}  // namespace pq
