// Searches for groups whose weights all count the same, in 16-bit integers: two elements per 32-bit lane in SIMD and exact sums, which
// makes a pass over the weights several times cheaper than in f32. The weights are rounded to +-2000 (a 250th of a code step at 4 bits),
// which only matters for which candidate wins: codes are chosen afterwards from the weights themselves and the stored scale.
// These plain loops are the definition (docs/explain/scale-search.md).
#pragma once

#include <polyquant/codec/offset_search.hpp>
#include <polyquant/codec/scale_search.hpp>

#include <algorithm>
#include <cstdint>
#include <span>

namespace pq {

inline constexpr float kQuickPeak = 2000.0f;   // largest magnitude of the integer weights: 16 of them fit into 16 bits
inline constexpr float kQuickUnit = 32768.0f;   // multiplier that leaves an integer weight as it is

/// a * b / 2^15, rounded half up (the instruction pmulhrsw).
inline std::int32_t multiply_fixed(std::int32_t a, std::int32_t b) noexcept { return (a * b + 0x4000) >> 15; }

/// Where a quick search for a scale begins; see ScaleStarts.
struct QuickScaleStarts {
  std::span<const float> peak_codes;
  int refinements = 1;
};

/// The multiplier that takes the peak, -kQuickPeak, to this code.
inline std::int32_t quick_multiplier(float peak_code) noexcept {
  return static_cast<std::int32_t>(round_even(-peak_code * (kQuickUnit / kQuickPeak)));
}

/// The f16 scale found for a group; see search_scale().
inline float quick_search_scale(std::span<const float> x, CodeRange range, const QuickScaleStarts& starts) noexcept {
  const float peak = peak_weight(x);
  if (std::abs(peak) < kSmallestPeak) return 0.0f;
  const float factor = -kQuickPeak / peak;

  std::int32_t best_a = 0, best_b = 1;
  float best_score = 0.0f;
  const auto consider = [&](std::int32_t multiplier) {
    std::int32_t a = 0, b = 0;
    for (const float value : x) {
      const std::int32_t y = static_cast<std::int32_t>(round_even(value * factor));
      const std::int32_t q = std::clamp(multiply_fixed(y, multiplier), static_cast<std::int32_t>(range.lowest), static_cast<std::int32_t>(range.highest));
      a += y * q;
      b += q * q;
    }
    const float score = b > 0 ? (static_cast<float>(a) * static_cast<float>(a)) / static_cast<float>(b) : 0.0f;
    if (score > best_score) {
      best_score = score;
      best_a = a;
      best_b = b;
    }
  };
  for (const float code : starts.peak_codes) consider(quick_multiplier(code));
  if (!(best_score > 0.0f)) return 0.0f;
  for (int round = 0; round < starts.refinements; ++round)
    consider(static_cast<std::int32_t>(round_even((kQuickUnit * static_cast<float>(best_b)) / static_cast<float>(best_a))));
  return f16_round((static_cast<float>(best_a) / static_cast<float>(best_b)) * (peak * (-1.0f / kQuickPeak)));
}

/// Starts of a quick search for scale and offset: the ends of the range are moved inwards by these many code steps.
struct QuickCut {
  float low, high;
};
struct QuickOffsetStarts {
  std::span<const QuickCut> cuts;
  int refinements = 1;
};

/// A candidate in integers: code = (y - origin) * multiplier, measured from the middle code.
struct QuickLattice {
  std::int32_t multiplier, origin;
};
inline QuickLattice quick_lattice(QuickCut cut, float highest) noexcept {
  const float middle = (highest + 1.0f) * 0.5f;
  const float bottom = -kQuickPeak + cut.low * (2.0f * kQuickPeak / highest);
  const float top = kQuickPeak - cut.high * (2.0f * kQuickPeak / highest);
  const float steps = highest / (top - bottom);
  return {static_cast<std::int32_t>(round_even(steps * kQuickUnit)), static_cast<std::int32_t>(round_even(bottom + middle / steps))};
}

/// The f16 scale and offset found for a group of 32; see search_scale_offset().
inline ScaleOffset quick_search_scale_offset(std::span<const float> x, float highest, const QuickOffsetStarts& starts) noexcept {
  float low = x[0], high = x[0];
  for (const float value : x) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  const float range = high - low;
  const float middle_weight = low + range * 0.5f;
  if (!has_spread(low, high)) return constant_group(middle_weight);
  const float factor = (2.0f * kQuickPeak) / range;
  const float inverse_count = 1.0f / static_cast<float>(x.size());
  const std::int32_t middle = (static_cast<std::int32_t>(highest) + 1) / 2;
  const auto integer = [&](float value) { return static_cast<std::int32_t>(round_even((value - middle_weight) * factor)); };
  std::int32_t sum_y = 0;
  for (const float value : x) sum_y += integer(value);
  const float mean_y = static_cast<float>(sum_y) * inverse_count;

  float best_score = 0.0f, best_covariance = 1.0f, best_variance = 1.0f, best_mean_code = 0.0f;
  const auto consider = [&](QuickLattice lattice) {
    std::int32_t sum_q = 0, sum_qq = 0, sum_yq = 0;
    for (const float value : x) {
      const std::int32_t y = integer(value);
      const std::int32_t q = std::clamp(multiply_fixed(y - lattice.origin, lattice.multiplier), -middle, middle - 1);
      sum_q += q;
      sum_qq += q * q;
      sum_yq += y * q;
    }
    const float mean_code = static_cast<float>(sum_q) * inverse_count;
    const float variance = static_cast<float>(sum_qq) - static_cast<float>(sum_q) * mean_code;
    const float covariance = static_cast<float>(sum_yq) - static_cast<float>(sum_y) * mean_code;
    const float score = variance > 0.0f ? (covariance * covariance) / variance : 0.0f;
    if (score > best_score) {
      best_score = score;
      best_covariance = covariance;
      best_variance = variance;
      best_mean_code = mean_code;
    }
  };
  for (const QuickCut& cut : starts.cuts) consider(quick_lattice(cut, highest));
  for (int round = 0; round < starts.refinements; ++round) {
    const float scale = best_covariance / best_variance;
    consider({static_cast<std::int32_t>(round_even(kQuickUnit * (best_variance / best_covariance))),
              static_cast<std::int32_t>(round_even(mean_y - scale * best_mean_code))});
  }
  const float unit = range * (1.0f / (2.0f * kQuickPeak));
  const float scale = (best_covariance / best_variance) * unit;
  const float mean = middle_weight + mean_y * unit;
  return {f16_round(scale), f16_round(mean - scale * (best_mean_code + static_cast<float>(middle)))};
}

/// Where a search for a fine scale (many codes) looks: the peak is put at each of these codes, not beyond the range.
struct FineScaleStarts {
  std::span<const float> peak_codes;
};

inline constexpr float kFinePeak = 32767.0f;

/// Multiplier that gives codes in units of 1/128.
inline std::int32_t fine_multiplier(float peak_code) noexcept {
  return static_cast<std::int32_t>(round_even(-peak_code * (128.0f * kQuickUnit / kFinePeak)));
}

/// Square root of a normalized importance as the fine search uses it: 0..1024.
inline std::int32_t fine_weight(float w) noexcept { return static_cast<std::int32_t>(round_even(std::sqrt(w) * 1024.0f)); }

/// The f16 scale of a group with 8-bit codes -128..127: the candidate whose codes have the smallest rounding error. With so many codes the
/// error of a scale is that of 32 nearly random roundings, so looking at a few scales next to each other is what pays.
inline float search_fine_scale(std::span<const float> x, std::span<const float> w, const FineScaleStarts& starts) noexcept {
  const float peak = peak_weight(x);
  if (std::abs(peak) < kSmallestPeak) return 0.0f;
  const float factor = -kFinePeak / peak;
  float best_error = 0.0f, best_code = 0.0f;
  for (const float code : starts.peak_codes) {
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::int32_t y = static_cast<std::int32_t>(round_even(x[i] * factor));
      const std::int32_t position = multiply_fixed(y, fine_multiplier(code));                     // in 1/128 of a code
      const std::int32_t residual = static_cast<std::int16_t>(static_cast<std::uint16_t>(position << 9));  // in 2^-16, to the nearest code
      const std::int32_t weighted = multiply_fixed(residual, fine_weight(w[i]));
      sum += weighted * weighted;
    }
    const float error = static_cast<float>(sum) * (1.0f / (code * code));
    if (best_code == 0.0f || error < best_error) {
      best_error = error;
      best_code = code;
    }
  }
  return f16_round(peak * (1.0f / best_code));
}

}  // namespace pq
