// Searches for groups of 32 weights in 16-bit integers: two elements per 32-bit lane in SIMD and exact sums make a pass over the weights
// several times cheaper than in f32. The weights are rounded to +-2000 (a 250th of a code step at 4 bits), or +-32767 for 8-bit codes.
// For groups whose weights all count the same; the fine search also takes importance. These plain loops are the definition
// (docs/explain/scale-search.md).
#pragma once

#include <polyquant/codec/offset_search.hpp>
#include <polyquant/codec/scale_search.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

namespace pq {

inline constexpr int kQuickWeights = 32;  // per group
inline constexpr float kQuickPeak =
    2000.0f;  // largest magnitude of the integer weights: 16 of them fit into 16 bits
inline constexpr float kFinePeak = 32767.0f;   // the same for 8-bit codes
inline constexpr float kQuickUnit = 32768.0f;  // multiplier that leaves an integer weight as it is

/// Adding this to |x| < 2^22 leaves the nearest integer (ties to even) in the low bits.
inline constexpr float kRoundingMagic = 12582912.0f;  // 1.5 * 2^23

/// a * b / 2^15, rounded half up (the instruction pmulhrsw).
constexpr std::int32_t multiply_fixed(std::int32_t a, std::int32_t b) noexcept {
  return (a * b + 0x4000) >> 15;
}

/// To the nearest integer at compile time; halves upwards.
constexpr std::int16_t constant_round(double value) noexcept {
  return static_cast<std::int16_t>(value < 0 ? value - 0.5 : value + 0.5);
}

/// What a quick search found. The codes belong to it if rounding to f16 moved the values by little; else the nearest codes to the
/// stored numbers are better.
struct QuickFit {
  ScaleOffset stored;
  bool has_codes = false;
  bool fits = false;  // but for the rounding of the scale: the group may lie on a grid of its own
  std::array<std::int8_t, kQuickWeights> codes{};
};

/// Where a quick search for a scale begins: multipliers that take the peak, -kQuickPeak, to a code.
template <std::size_t kCount>
struct QuickScaleStarts {
  std::array<std::int16_t, kCount> multipliers;
  int refinements = 1;
};
constexpr std::int16_t quick_multiplier(double peak_code) noexcept {
  return constant_round(-peak_code * 32768.0 / 2000.0);
}

/// Squared errors up to this share of the squares are those of a group that fits: the rounding to integers alone leaves less. Of random weights it
/// is a thousandth.
inline constexpr float kQuickFit = 0x1p-18f;

/// Scale and codes of a group; see search_scale().
template <std::size_t kCount>
QuickFit quick_search_scale(std::span<const float> x, CodeRange range,
                            const QuickScaleStarts<kCount>& starts) noexcept {
  QuickFit fit;
  const float peak = peak_weight(x);
  if (std::abs(peak) < kSmallestPeak) return fit;
  const float factor = -kQuickPeak / peak;
  const auto integer = [&](std::size_t i) { return static_cast<std::int32_t>(round_even(x[i] * factor)); };
  const auto code = [&](std::size_t i, std::int32_t multiplier) {
    return std::clamp(multiply_fixed(integer(i), multiplier), static_cast<std::int32_t>(range.lowest),
                      static_cast<std::int32_t>(range.highest));
  };

  std::int32_t best_multiplier = 0;
  float best_a = 0.0f, best_b = 1.0f, best_square = 0.0f;
  const auto consider = [&](std::int32_t multiplier) {
    std::int32_t a_sum = 0, b_sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::int32_t q = code(i, multiplier);
      a_sum += integer(i) * q;
      b_sum += q * q;
    }
    const float a = static_cast<float>(a_sum), b = static_cast<float>(b_sum), square = a * a;
    if (square * best_b > best_square * b) {  // a^2/b without the division
      best_square = square;
      best_a = a;
      best_b = b;
      best_multiplier = multiplier;
    }
  };
  for (const std::int16_t multiplier : starts.multipliers) consider(multiplier);
  if (best_square == 0.0f) return fit;
  for (int round = 0; round < starts.refinements; ++round)
    consider(static_cast<std::int32_t>(round_even((kQuickUnit * best_b) / best_a)));
  std::int32_t all = 0;
  for (std::size_t i = 0; i < x.size(); ++i) all += integer(i) * integer(i);
  const float squares = static_cast<float>(all);
  fit.fits = squares * best_b - best_square <= (squares * kQuickFit) * best_b;
  fit.stored.scale = f16_round((best_a / best_b) * (peak * (-1.0f / kQuickPeak)));
  fit.has_codes = std::abs(fit.stored.scale) >= kCoarseScale;
  for (std::size_t i = 0; i < x.size(); ++i)
    fit.codes[i] = static_cast<std::int8_t>(code(i, best_multiplier));
  return fit;
}

/// A candidate of the fine search: the code of the peak, at most 128 in magnitude and negative.
struct FineStart {
  std::int16_t multiplier;  // codes in units of 1/128
  float inverse_code, inverse_square;
  bool clips;  // a mirror image of the peak would have the code 128, which there is not
};
constexpr FineStart fine_start(double peak_code) noexcept {
  return {constant_round(-peak_code * 128.0 * 32768.0 / 32767.0), static_cast<float>(1.0 / peak_code),
          static_cast<float>(1.0 / (peak_code * peak_code)), peak_code <= -127.5};
}
/// Groups whose other end is larger than this share of the peak do not use starts that clip.
inline constexpr float kFineMirror = 0.996f;  // 127.5 / 128

/// Errors of the fine search (2^-22 of a squared code over that of the peak) up to this are those of a group that fits: all 32 weights are 2^-8 of
/// a code off, which rounding to integers can do. Of random weights it is a thousand times more.
inline constexpr float kFineFit = 32.0f * 0x1p-16f * 0x1p22f / (128.0f * 128.0f);

/// Square root of a normalized importance as the fine search uses it: 0..1024.
inline std::int32_t fine_weight(float w) noexcept {
  return static_cast<std::int32_t>(round_even(std::sqrt(w) * 1024.0f));
}

/// Scale and codes of a group with 8-bit codes: the candidate whose codes have the smallest rounding error. With so many codes the error of a
/// scale is that of 32 nearly random roundings, so looking at a few scales next to each other is what pays. `w` empty: all equal.
inline QuickFit search_fine_scale(std::span<const float> x, std::span<const float> w,
                                  std::span<const FineStart> starts) noexcept {
  QuickFit fit;
  const float peak = peak_weight(x);
  if (std::abs(peak) < kSmallestPeak) return fit;
  const float factor = -kFinePeak / peak;
  const auto position = [&](std::size_t i, std::int32_t multiplier) {
    return multiply_fixed(static_cast<std::int32_t>(round_even(x[i] * factor)), multiplier);
  };
  float other_end = 0.0f;
  for (const float value : x) other_end = std::max(other_end, peak > 0.0f ? -value : value);
  const bool mirrored = other_end >= kFineMirror * std::abs(peak);
  const FineStart* best = nullptr;
  float best_error = 0.0f;
  for (const FineStart& start : starts) {
    if (mirrored && start.clips) continue;
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      // What is left after rounding to the nearest code, in 2^-16 of a code: the fraction bits, read as a signed number.
      const std::int32_t residual =
          static_cast<std::int16_t>(static_cast<std::uint16_t>(position(i, start.multiplier) << 9));
      const std::int32_t weighted = multiply_fixed(residual, w.empty() ? 1024 : fine_weight(w[i]));
      sum += weighted * weighted;
    }
    const float error = static_cast<float>(sum) * start.inverse_square;
    if (best == nullptr || error < best_error) {
      best_error = error;
      best = &start;
    }
  }
  fit.stored.scale = f16_round(peak * best->inverse_code);
  fit.fits = best_error <= kFineFit;
  fit.has_codes = std::abs(fit.stored.scale) >= 0x1p-14f;  // a normal f16
  for (std::size_t i = 0; i < x.size(); ++i)
    fit.codes[i] = static_cast<std::int8_t>(std::min((position(i, best->multiplier) + 64) >> 7, 127));
  return fit;
}

}  // namespace pq
