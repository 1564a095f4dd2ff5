// The quick search (quick_search.hpp) for groups whose values are  scale * code + offset  with 4 or 5 bits and whose weights all count the same.
//
// The weights become bytes y, 2^(8 - bits) of them to a code step, so the code of a weight is the upper bits of its byte. A candidate moves
// the bytes by a number before that: both ends of its lattice lie less than half a step inside or outside of the range, so no code
// leaves the grid and nothing is clamped. Least squares for scale and offset follow from three sums per candidate; that the sums see y in place
// of the weights changes a fit by less than a thousandth of its error. The smallest error wins.
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
/// (a + 1/2) / per_step - 1/2 steps above code 0. Ascending and at least 1: the rounding of an end may take that much.
template <std::size_t kCount>
struct QuickShifts {
  int bits;
  std::array<std::uint8_t, kCount> shifts;

  static constexpr std::size_t size() noexcept { return kCount; }
  constexpr int code_shift() const noexcept { return 8 - bits; }
  /// The range of a group in bytes: the highest code with the largest shift, the lowest with the smallest.
  constexpr int reach() const noexcept { return 255 - shifts.front() - shifts.back(); }
  /// Of a candidate, measured from the bytes of the first.
  constexpr int distance(std::size_t k) const noexcept { return shifts[k] - shifts.front(); }
};

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
  fit.stored = {f16_round(scale), f16_round(mean - scale * best_mean_code)};
  // The offset's rounding must be small against a step.
  fit.has_codes = fit.stored.scale >= std::max(kCoarseScale, std::abs(fit.stored.offset) * 0x1p-8f);
  for (std::size_t i = 0; i < x.size(); ++i) fit.codes[i] = static_cast<std::int8_t>(code(i, best));
  return fit;
}

}  // namespace pq
