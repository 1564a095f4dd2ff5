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

/// a * b / 2^15, rounded half up (the instruction pmulhrsw).
inline std::int32_t multiply_fixed(std::int32_t a, std::int32_t b) noexcept { return (a * b + 0x4000) >> 15; }

/// To the nearest integer at compile time; halves upwards.
constexpr std::int16_t constant_round(double value) noexcept {
  return static_cast<std::int16_t>(value < 0 ? value - 0.5 : value + 0.5);
}

/// What a quick search found. The codes belong to it if rounding to f16 moved the values by little; else the nearest codes to the
/// stored numbers are better.
struct QuickFit {
  ScaleOffset stored;
  bool has_codes = false;
  std::array<std::int8_t, kQuickWeights> codes{};
};

/// Where a quick search for a scale begins: multipliers that take the peak, -kQuickPeak, to a code.
struct QuickScaleStarts {
  std::span<const std::int16_t> multipliers;
  int refinements = 1;
};
constexpr std::int16_t quick_multiplier(double peak_code) noexcept {
  return constant_round(-peak_code * 32768.0 / 2000.0);
}

/// Below this f16 has less than eight bits left for a scale.
inline constexpr float kCoarseScale = 0x1p-17f;

/// Scale and codes of a group; see search_scale().
inline QuickFit quick_search_scale(std::span<const float> x, CodeRange range,
                                   const QuickScaleStarts& starts) noexcept {
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
  fit.stored.scale = f16_round((best_a / best_b) * (peak * (-1.0f / kQuickPeak)));
  fit.has_codes = std::abs(fit.stored.scale) >= kCoarseScale;
  for (std::size_t i = 0; i < x.size(); ++i)
    fit.codes[i] = static_cast<std::int8_t>(code(i, best_multiplier));
  return fit;
}

/// A candidate for scale and offset in integers: code = (y - origin) * multiplier, measured from the middle code.
struct QuickLattice {
  std::int16_t multiplier, origin;
};
/// The ends of the range moved inwards by so many code steps.
constexpr QuickLattice quick_lattice(int highest, double cut_low, double cut_high) noexcept {
  const double step = 4000.0 / highest, middle = (highest + 1) / 2;
  const double bottom = -2000.0 + cut_low * step, steps = highest / (2000.0 - cut_high * step - bottom);
  return {constant_round(steps * 32768.0), constant_round(bottom + middle / steps)};
}

struct QuickOffsetStarts {
  std::span<const QuickLattice> lattices;
  int refinements = 1;
};

/// Scale, offset and codes (0..highest) of a group; see search_scale_offset().
inline QuickFit quick_search_scale_offset(std::span<const float> x, int highest,
                                          const QuickOffsetStarts& starts) noexcept {
  QuickFit fit;
  float low = x[0], high = x[0];
  for (const float value : x) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  const float range = high - low;
  const float center = low + range * 0.5f;
  fit.stored = constant_group(center);
  if (!has_spread(low, high)) return fit;
  const float factor = (2.0f * kQuickPeak) / range;
  const std::int32_t middle = (highest + 1) / 2;
  const auto integer = [&](std::size_t i) {
    return static_cast<std::int32_t>(round_even((x[i] - center) * factor));
  };
  const auto code = [&](std::size_t i, std::int32_t multiplier, std::int32_t origin) {
    return std::clamp(multiply_fixed(integer(i) - origin, multiplier), -middle, middle - 1);
  };
  std::int32_t total = 0;
  for (std::size_t i = 0; i < x.size(); ++i) total += integer(i);
  constexpr float kInverseCount = 1.0f / kQuickWeights;
  const float sum_y = static_cast<float>(total), mean_y = sum_y * kInverseCount;

  std::int32_t best_multiplier = 0, best_origin = 0;
  float best_covariance = 0.0f, best_variance = 1.0f, best_square = 0.0f, best_mean_code = 0.0f;
  const auto consider = [&](std::int32_t multiplier, std::int32_t origin) {
    std::int32_t sum_q = 0, sum_qq = 0, sum_yq = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::int32_t q = code(i, multiplier, origin);
      sum_q += q;
      sum_qq += q * q;
      sum_yq += integer(i) * q;
    }
    const float mean_code = static_cast<float>(sum_q) * kInverseCount;
    const float variance = static_cast<float>(sum_qq) - static_cast<float>(sum_q) * mean_code;
    const float covariance = static_cast<float>(sum_yq) - sum_y * mean_code;
    const float square = covariance * covariance;
    if (square * best_variance > best_square * variance) {
      best_square = square;
      best_covariance = covariance;
      best_variance = variance;
      best_mean_code = mean_code;
      best_multiplier = multiplier;
      best_origin = origin;
    }
  };
  for (const QuickLattice& lattice : starts.lattices) consider(lattice.multiplier, lattice.origin);
  for (int round = 0; round < starts.refinements; ++round) {
    const float step = best_covariance / best_variance;
    consider(static_cast<std::int32_t>(round_even(kQuickUnit / step)),
             static_cast<std::int32_t>(round_even(mean_y - step * best_mean_code)));
  }
  const float unit = range * (1.0f / (2.0f * kQuickPeak));
  const float scale = (best_covariance / best_variance) * unit;
  const float mean = center + mean_y * unit;
  fit.stored = {f16_round(scale), f16_round(mean - scale * (best_mean_code + static_cast<float>(middle)))};
  // The offset's rounding must be small against a step.
  fit.has_codes = fit.stored.scale >= std::max(kCoarseScale, std::abs(fit.stored.offset) * 0x1p-8f);
  for (std::size_t i = 0; i < x.size(); ++i)
    fit.codes[i] = static_cast<std::int8_t>(code(i, best_multiplier, best_origin) + middle);
  return fit;
}

/// A candidate of the fine search: the code of the peak, at most 128 in magnitude and negative.
struct FineStart {
  std::int16_t multiplier;  // codes in units of 1/128
  float inverse_code, inverse_square;
};
constexpr FineStart fine_start(double peak_code) noexcept {
  return {constant_round(-peak_code * 128.0 * 32768.0 / 32767.0), static_cast<float>(1.0 / peak_code),
          static_cast<float>(1.0 / (peak_code * peak_code))};
}

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
  const FineStart* best = nullptr;
  float best_error = 0.0f;
  for (const FineStart& start : starts) {
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
  fit.has_codes = std::abs(fit.stored.scale) >= 0x1p-14f;  // a normal f16
  for (std::size_t i = 0; i < x.size(); ++i)
    fit.codes[i] = static_cast<std::int8_t>(std::min((position(i, best->multiplier) + 64) >> 7, 127));
  return fit;
}

}  // namespace pq
