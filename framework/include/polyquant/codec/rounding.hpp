// Rounding of codes. All encoders round to nearest, ties to even, in f32: the same on every machine and in SIMD.
#pragma once

#include <polyquant/base/half.hpp>

#include <algorithm>
#include <cmath>

namespace pq {

/// Largest finite f16.
inline constexpr float kF16Max = 65504.0f;

/// Smallest positive f16; scales below 2^-14 are multiples of it.
inline constexpr float kSmallestF16 = 0x1p-24f;

/// Below this f16 has less than eight bits left for a scale, so that the neighbours of the nearest number may be better.
inline constexpr float kCoarseScale = 0x1p-17f;

/// A group whose largest magnitude is below this stores the scale 0: f16 ends at 2^-24, so the scale would vanish anyway.
inline constexpr float kSmallestPeak = 0x1p-32f;

/// Magnitudes are cut to this before a search, so that its sums of squares stay finite. No scale of f16 reaches higher with 8-bit codes.
inline constexpr float kLargestPeak = 0x1p23f;

/// A weight as the encoders of integer grids see it: NaN counts as 0, infinities and huge numbers as +-2^23.
inline float finite_weight(float value) noexcept {
  return value == value ? std::min(std::max(value, -kLargestPeak), kLargestPeak) : 0.0f;
}

/// To the nearest integer, ties to even (default floating-point environment).
inline float round_even(float value) noexcept { return std::nearbyintf(value); }

/// The nearest code in lowest..highest to value = code / inverse_scale; 0 if the inverse scale is 0.
inline float nearest_code(float value, float inverse_scale, float lowest, float highest) noexcept {
  return std::min(std::max(round_even(value * inverse_scale), lowest), highest);
}

/// The f16 number nearest to `scale`; beyond the range of f16 its largest finite number, so that a stored scale is always finite.
inline float f16_round(float scale) noexcept {
  return f16_to(f16_from(std::clamp(scale, -kF16Max, kF16Max)));
}

/// The f16 number nearest to `value`, but not 0 for other numbers: with the smallest f16 codes or group scales can still be chosen.
inline float nonzero_f16(float value) noexcept {
  const float rounded = f16_round(value);
  return rounded == 0.0f && value != 0.0f ? std::copysign(kSmallestF16, value) : rounded;
}

/// 1 / scale, and 0 for 0: all codes are then 0.
inline float inverse_or_zero(float scale) noexcept { return scale == 0.0f ? 0.0f : 1.0f / scale; }

}  // namespace pq
