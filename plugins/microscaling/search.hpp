// The scale of a group of 4-bit floats: every candidate of a small window is tried and scored with the error of the decoded values.
#pragma once

#include "layouts.hpp"

#include <polyquant/encoding.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>

namespace pq::microscaling {

/// Codes that are tried: the rule's, then those from `first` to `last` steps above it. The rule's comes first, so it stays unless another
/// one is better.
struct ScaleWindow {
  int first, last;
};

/// Exponents: OCP's rule, floor(log2(largest)) - 2, lets the largest weight be clipped; one more never does, fewer clip more.
constexpr ScaleWindow mxfp4_window(Effort effort) noexcept {
  if (effort == Effort::fast) return {0, 1};
  if (effort == Effort::normal) return {-1, 1};
  return {-4, 1};
}
inline int mxfp4_rule(float largest) noexcept {
  const int exponent =
      static_cast<int>(std::bit_cast<std::uint32_t>(largest) >> 23);  // biased by 127, as stored ones are
  return std::clamp(exponent - 2, 0, 252);
}

/// Codes near the one for largest / 6; eight of them are a factor of two.
constexpr ScaleWindow nvfp4_window(Effort effort) noexcept {
  if (effort == Effort::fast) return {-1, 2};
  if (effort == Effort::normal) return {-4, 4};
  return {-16, 12};
}
/// As ggml rounds: half up, everything from 256 on to 448.
inline int nvfp4_rule(float largest) noexcept {
  const float target = largest / 6.0f;
  if (!(target < 256.0f)) return Nvfp4::kHighestScale;
  if (target < 0x1p-6f) return static_cast<int>(target * 512.0f + 0.5f);
  constexpr std::uint32_t kBias = (127 - 7) << 3, kHalf = 1u << 19;  // 3 of 23 bits of mantissa stay
  return static_cast<int>(((std::bit_cast<std::uint32_t>(target) + kHalf) >> 20) - kBias);
}

}  // namespace pq::microscaling
