// A second look at blocks on which the searches may fail: weights of one sign, whose error jumps about with the scale; scales so small that f16
// rounds them by much; blocks that fit their grid so well that only the rounding of f16 numbers is left. They are rare, so this is plain
// code, the same for every instruction set.
#pragma once

#include "search.hpp"

#include <polyquant/codec/exact_scale.hpp>
#include <polyquant/codec/quick_search.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

namespace pq::gguf {

/// Errors up to this share of the squares are no larger than that of one f16 number, so that nothing is left to gain.
inline constexpr float kBestFit = 0x1p-26f;
/// Up to this share, an eighth or less of what random weights leave, the rounding of scale and offset may be most of the error: grids, or an
/// outlier beside which all others have one code.
template <class Codec>
inline constexpr float kGoodFit = 1.0f / (8.0f * (Codec::kMaxCode - Codec::kMinCode) *
                                          (Codec::kMaxCode - Codec::kMinCode));

/// With errors up to this share of the offset (as root mean square) the rounding of the offset is most of them, whatever the weights. Of random
/// weights around zero they are 20 times as large.
inline constexpr float kOffsetRounding = 0x1p-10f;

/// Steps to the next f16 number to either side of a scale.
inline constexpr int kCarefulSteps = 4;

inline constexpr auto kEqualWeights = [] {
  std::array<float, kQuickWeights> ones{};
  for (float& one : ones) one = 1.0f;
  return ones;
}();

/// Error of the values that a decoder sees, with the nearest codes.
template <class Codec>
float stored_error(std::span<const float> x, std::span<const float> w, ScaleOffset fit) {
  if constexpr (Codec::kHasOffset)
    return pq::detail::offset_error(x, w, fit, Codec::kMaxCode).error;
  else
    return scale_error(x, w, fit.scale, {Codec::kMinCode, Codec::kMaxCode}).error;
}

/// A block with the smallest error found so far. `w`: not empty.
template <class Codec>
class CarefulSearch {
 public:
  CarefulSearch(std::span<const float> x, std::span<const float> w, ScaleOffset first) : x_(x), w_(w) {
    for (const float one : w) total_ += one;
    consider(first);
  }

  /// True if the error may be due to the rounding of scale and offset, and is large enough to matter.
  bool is_rounding() const {
    const float rounding = best_.offset * kOffsetRounding;
    return is_within(kGoodFit<Codec>) || (is_within(1.0f) && error_ <= total_ * (rounding * rounding));
  }
  /// True if the error is at most this share of the squares, and large enough to matter.
  bool is_within(float share) const {
    float sum = 0, squares = 0;
    for (std::size_t i = 0; i < x_.size(); ++i) sum += w_[i] * x_[i];
    const float mean = Codec::kHasOffset ? sum / total_ : 0.0f;
    for (std::size_t i = 0; i < x_.size(); ++i) squares += (w_[i] * (x_[i] - mean)) * (x_[i] - mean);
    return error_ > squares * kBestFit && error_ <= squares * share;
  }
  /// Every number of steps between the ends of the range, as it is and refitted, and if `around` with the f16 numbers next to that. For blocks
  /// that are mostly zero also fractions: the zeros are stored exactly with any of them, and the others are few enough for some to fit.
  void try_grids(bool around) {
    float low = HUGE_VALF, high = -HUGE_VALF;  // of those that count
    for (std::size_t i = 0; i < x_.size(); ++i) {
      low = w_[i] > 0.0f ? std::min(low, x_[i]) : low;
      high = w_[i] > 0.0f ? std::max(high, x_[i]) : high;
    }
    const bool sparse = 2 * std::count(x_.begin(), x_.end(), 0.0f) >= std::ssize(x_);
    const float step = sparse ? 0.125f : 1.0f, most = Codec::kMaxCode + (sparse ? 0.5f : 0.0f);
    for (float steps = most; steps > Codec::kMaxCode / 2; steps -= step) {
      const ScaleOffset grid{f16_round((high - low) / steps), f16_round(low)};
      consider(grid);
      const pq::detail::OffsetError sums = pq::detail::offset_error(x_, w_, grid, Codec::kMaxCode);
      const float variance = sums.cc - (sums.c * sums.c) / total_;
      if (!(variance > 0.0f)) continue;
      const float scale = (sums.zc - (sums.z * sums.c) / total_) / variance;
      const ScaleOffset refitted{f16_round(scale),
                                 f16_round(grid.offset + (sums.z - scale * sums.c) / total_)};
      consider(refitted);
      consider({f16_round(sums.zc / sums.cc), grid.offset});
      if (around) try_next_numbers(refitted, 1);
    }
  }
  /// The f16 numbers around the scale, the other sign, or with an offset the best of these for each.
  void try_next_numbers(ScaleOffset around, int steps) {
    const float middle = std::abs(around.scale), unit = f16_step(middle);
    for (int step = -steps; step <= steps; ++step) {
      const float scale = f16_round(std::max(middle + static_cast<float>(step) * unit, kSmallestF16));
      if constexpr (Codec::kHasOffset) {
        const pq::detail::OffsetError sums =
            pq::detail::offset_error(x_, w_, {scale, around.offset}, Codec::kMaxCode);
        const float offset = f16_round(around.offset + (sums.z - scale * sums.c) / total_);
        for (const float move : {-f16_step(offset), 0.0f, f16_step(offset)})
          consider({scale, f16_round(offset + move)});
      } else {
        consider({scale, 0.0f});
        consider({-scale, 0.0f});
      }
    }
  }
  void consider(ScaleOffset fit) {
    const float error = stored_error<Codec>(x_, w_, fit);
    if (!(error < error_)) return;
    error_ = error;
    best_ = fit;
  }
  ScaleOffset best() const { return best_; }

 private:
  /// From an f16 number to the next.
  static float f16_step(float value) {
    int exponent = 0;
    std::frexp(value, &exponent);
    return std::max(std::ldexp(1.0f, exponent - 11), kSmallestF16);
  }

  std::span<const float> x_, w_;
  float total_ = 0;
  ScaleOffset best_;
  float error_ = HUGE_VALF;
};

/// The best of 8-bit codes where a block fits or f16 has few bits left for the scale: all starts with the numbers that are stored.
template <class Codec>
float careful_fine_scale(std::span<const float> x, std::span<const float> w) {
  const float peak = peak_weight(x);
  float best = 0, best_error = HUGE_VALF;
  for (const FineStart& start : kFineBest) {
    const float scale = nonzero_f16(peak * start.inverse_code),
                error = stored_error<Codec>(x, w, {scale, 0.0f});
    if (!(error < best_error)) continue;
    best_error = error;
    best = scale;
    if (error == 0) break;  // as of weights that were codes before
  }
  return best;
}

/// Improves what a search found if the block needs it; `w` empty: all weights count the same. The codes are the nearest ones then.
template <class Codec>
void look_again_at(std::span<const float> x, std::span<const float> w, Effort effort, QuickFit& fit) {
  const std::span<const float> weights = w.empty() ? std::span<const float>(kEqualWeights) : w;
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  if (std::max(-*low, *high) < kSmallestPeak) return;
  if constexpr (Codec::kCodeBits == 8) {
    if (fit.has_codes && !fit.fits) return;
    fit.stored.scale = careful_fine_scale<Codec>(x, weights);
    fit.has_codes = false;
  } else {
    constexpr CodeRange kRange{Codec::kMinCode, Codec::kMaxCode};
    CarefulSearch<Codec> search(x, weights, fit.stored);
    const bool coarse = std::abs(fit.stored.scale) < kCoarseScale;
    bool looked = coarse, next_numbers = coarse;
    if constexpr (Codec::kHasOffset) {
      const bool judge = !w.empty() || effort == Effort::best, fits = judge && search.is_rounding();
      if (fits) search.try_grids(!search.is_within(kExactFit));
      looked = next_numbers = coarse || fits;
    } else if (*low >= 0.0f || *high <= 0.0f) {
      search.consider({search_scale_exact(x, weights, kRange, fit.stored.scale), 0.0f});
      looked = true;
    } else if (fit.fits && search.is_within(kExactFit)) {
      const float error = stored_error<Codec>(x, weights, fit.stored);
      search.consider({search_exact_fit(x, weights, kRange, peak_weight(x), fit.stored.scale, error), 0.0f});
      looked = true;
    }
    if (next_numbers) search.try_next_numbers(search.best(), kCarefulSteps);
    if (!looked) return;
    fit.stored = search.best();
    fit.has_codes = false;
  }
}

}  // namespace pq::gguf
