// Are all weights finite? Branch-free, so that any compiler makes SIMD code of it; runs at memory speed.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace pq {

/// True if no value is NaN or infinite.
inline bool all_finite(std::span<const float> values) noexcept {
  constexpr std::uint32_t kExponent = 0x7F800000u;
  constexpr std::uint32_t kExponentLsb = 0x00800000u;
  std::uint32_t seen = 0;
  // The sum reaches the sign bit only when all exponent bits are set.
  for (const float value : values) seen |= (std::bit_cast<std::uint32_t>(value) & kExponent) + kExponentLsb;
  return (seen >> 31) == 0;
}

/// How many values are NaN or infinite.
inline std::size_t count_non_finite(std::span<const float> values) noexcept {
  std::size_t count = 0;
  for (const float value : values)
    count += (std::bit_cast<std::uint32_t>(value) & 0x7F800000u) == 0x7F800000u ? 1u : 0u;
  return count;
}

}  // namespace pq
