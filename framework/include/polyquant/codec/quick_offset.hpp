// The quick search (quick_search.hpp) for groups whose values are  scale * code + offset  with 4 or 5 bits and whose weights all count the same.
//
// The weights become bytes y, 2^(8 - bits) of them to a code step, so the code of a weight is the upper bits of its byte. The range of a group
// is as wide as the grid; a candidate moves the bytes by a number of less than half a step, so no code leaves the grid and nothing is
// clamped. Weights that lie on the grid become multiples of a step, so their fit is exact. Least squares for scale and offset follow from three
// sums per candidate; that the sums see y in place of the weights changes a fit by less than a thousandth of its error. The smallest error wins.
#pragma once

#include <polyquant/codec/quick_search.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

namespace pq {

/// Values further from zero than so many ranges are moved there first: the bytes would lose precision.
inline constexpr float kFarRanges = 1024.0f;

/// Candidates for scale and offset. With `per_step` bytes to a code step, shift a puts the lower end of the range
/// (a + 1/2) / per_step - 1/2 steps above code 0. Ascending, at least 1 and at most per_step - 2: the rounding of an end may take that much.
template <std::size_t kCount>
struct QuickShifts {
  int bits;
  std::array<std::uint8_t, kCount> shifts;

  static constexpr std::size_t size() noexcept { return kCount; }
  constexpr int code_shift() const noexcept { return 8 - bits; }
  constexpr float step() const noexcept { return static_cast<float>(1 << code_shift()); }
  constexpr float highest() const noexcept { return static_cast<float>((1 << bits) - 1); }
  /// The range of a group in bytes: all steps of the grid.
  constexpr int reach() const noexcept { return ((1 << bits) - 1) << code_shift(); }
  /// Of a candidate, measured from the bytes of the first.
  constexpr int distance(std::size_t k) const noexcept { return shifts[k] - shifts.front(); }
};

/// Scales that are a step of the range but for this share are found for groups that lie on a grid, and beside an outlier where all others have one
/// code. There all bytes are rounded alike, and the offset is less exact than the scale.
inline constexpr float kSameStep = 0x1p-14f;

/// A lattice whose ends are within a byte, `unit`, of those of the range has them.
inline ScaleOffset at_ends(ScaleOffset fit, float low, float high, float unit, float highest) noexcept {
  const float top = fit.offset + fit.scale * highest;
  const bool near = std::abs(fit.offset - low) <= unit && std::abs(top - high) <= unit;
  return near ? ScaleOffset{(high - low) * (1.0f / highest), low} : fit;
}

/// Scale, offset and codes of a group; see search_scale_offset().
template <std::size_t kCount>
QuickFit quick_search_scale_offset(std::span<const float> x, const QuickShifts<kCount>& starts) noexcept {
  QuickFit fit;
  float low = x[0], high = x[0];
  for (const float value : x) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  const float range = high - low, center = low + range * 0.5f;
  fit.stored = constant_group(center);
  if (!has_spread(low, high)) return fit;
  const float reach = static_cast<float>(starts.reach()), factor = reach / range;
  const float moved = std::max(-low, high) > kFarRanges * range ? center : 0.0f;
  const float base = round_even((low - moved) * factor) - static_cast<float>(starts.shifts.front());
  const float bias = kRoundingMagic - base;
  const auto byte = [&](std::size_t i) {
    return static_cast<std::int32_t>(((x[i] - moved) * factor + bias) - kRoundingMagic);
  };
  const auto code = [&](std::size_t i, std::size_t k) {
    return (byte(i) + starts.distance(k)) >> starts.code_shift();
  };
  std::int32_t total = 0;
  for (std::size_t i = 0; i < x.size(); ++i) total += byte(i);
  constexpr float kInverseCount = 1.0f / kQuickWeights;
  const float sum_y = static_cast<float>(total);

  std::size_t best = 0;
  float best_covariance = 0.0f, best_variance = 1.0f, best_square = 0.0f, best_mean_code = 0.0f;
  for (std::size_t k = 0; k < kCount; ++k) {
    std::int32_t sum_q = 0, sum_qq = 0, sum_yq = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::int32_t q = code(i, k);
      sum_q += q;
      sum_qq += q * q;
      sum_yq += byte(i) * q;
    }
    const float mean_code = static_cast<float>(sum_q) * kInverseCount;
    const float variance = static_cast<float>(sum_qq) - static_cast<float>(sum_q) * mean_code;
    const float covariance = static_cast<float>(sum_yq) - sum_y * mean_code;
    const float square = covariance * covariance;
    if (k == 0 || square * best_variance > best_square * variance) {
      best_square = square;
      best_covariance = covariance;
      best_variance = variance;
      best_mean_code = mean_code;
      best = k;
    }
  }
  const float unit = range * (1.0f / reach);
  const float scale = (best_covariance / best_variance) * unit;
  const float mean = (base + sum_y * kInverseCount) * unit + moved;
  ScaleOffset lattice{scale, mean - scale * best_mean_code};
  const float same = best_variance * starts.step();
  if (std::abs(best_covariance - same) <= same * kSameStep)
    lattice = at_ends(lattice, low, high, unit, starts.highest());
  fit.stored = {f16_round(lattice.scale), f16_round(lattice.offset)};
  // The offset's rounding must be small against a step.
  fit.has_codes = fit.stored.scale >= std::max(kCoarseScale, std::abs(fit.stored.offset) * 0x1p-8f);
  for (std::size_t i = 0; i < x.size(); ++i) fit.codes[i] = static_cast<std::int8_t>(code(i, best));
  return fit;
}

}  // namespace pq
