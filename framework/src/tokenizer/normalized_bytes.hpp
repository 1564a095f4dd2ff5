// How long a normalized text may become: replacements of a hostile tokenizer file multiply it with every step.
#pragma once

#include <polyquant/base/error.hpp>

#include <cstddef>
#include <string>

namespace pq {

inline constexpr std::size_t kMaxNormalizedBytes = std::size_t{1} << 30;

/// Throws FormatError beyond the limit; called while the text grows.
inline void check_normalized_bytes(std::size_t bytes) {
  if (bytes > kMaxNormalizedBytes)
    throw FormatError("the tokenizer's normalizer makes more than " + std::to_string(kMaxNormalizedBytes) +
                      " bytes of a text; check the replacements in the tokenizer's file");
}

}  // namespace pq
