// Search for scale and offset of a group whose values are  scale * code + offset,  code = 0..highest, scale > 0.
//
// With x measured from its weighted mean and q from the middle code, the best scale of given codes is c/v with c = sum w x q,
// v = sum w q^2 - (sum w q)^2 / sum w, and the error is  sum w x^2 - c^2/v. These plain loops are the definition (see scale_search.hpp).
#pragma once

#include <polyquant/codec/rounding.hpp>

#include <cmath>
#include <cstddef>
#include <span>

namespace pq {

/// Starts: both ends of the range are moved inwards by first_cut + k * cut_step code steps, k = 0 .. cuts - 1, in all combinations. Further ones
/// are the same for all: all numbers of steps between the ends that have no double among the codes, for weights that lie on a grid; and
/// a few ranges around the mean, in which weights that hardly count have no say.
struct OffsetStarts {
  int cuts = 8;
  float first_cut = -0.5f;
  float cut_step = 0.5f;
  int refinements = 3;
};

/// Half of the width of the ranges around the mean, in weighted standard deviations.
inline constexpr float kDeviations[] = {1.6f, 2.0f, 2.5f};

/// What a search found; both are f16 numbers.
struct ScaleOffset {
  float scale = 0;
  float offset = 0;
};

/// False if all values of a group are the same as far as f16 is concerned: the rounding of an offset is 2^-12 of it.
inline bool has_spread(float low, float high) noexcept {
  return high - low >= std::max(kSmallestPeak, std::max(-low, high) * 0x1p-16f);
}

/// A group of one value: what f16 rounding takes from the offset goes into the scale, with code 1.
inline ScaleOffset constant_group(float value) noexcept {
  const float offset = f16_round(value);
  return {f16_round(value - offset), offset};
}

namespace detail {

/// Sums for codes measured from the middle code.
struct OffsetMoments {
  float q = 0, qq = 0, xq = 0;  // sum w q, sum w q^2, sum w x q
};

inline OffsetMoments offset_moments(std::span<const float> x, std::span<const float> w, float inverse_scale,
                                    float shift, float lowest, float highest) noexcept {
  OffsetMoments sums;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float q = std::min(std::max(round_even(x[i] * inverse_scale + shift), lowest), highest);
    const float wq = w[i] * q;
    sums.q += wq;
    sums.qq += wq * q;
    sums.xq += wq * x[i];
  }
  return sums;
}

/// Error of the decoded values for f16 scale and offset, and the sums over z = x - offset that refits need.
struct OffsetError {
  float error = 0, c = 0, cc = 0, z = 0, zc = 0;
};

inline OffsetError offset_error(std::span<const float> x, std::span<const float> w, ScaleOffset fit,
                                float highest) noexcept {
  OffsetError sums;
  const float inverse = inverse_or_zero(fit.scale);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float z = x[i] - fit.offset;
    const float c = std::min(std::max(round_even(z * inverse), 0.0f), highest);
    const float difference = x[i] - (fit.scale * c + fit.offset);
    const float wc = w[i] * c;
    sums.error += (w[i] * difference) * difference;
    sums.c += wc;
    sums.cc += wc * c;
    sums.z += w[i] * z;
    sums.zc += wc * z;
  }
  return sums;
}

}  // namespace detail

/// `x` is finite (|x| <= 2^23), `w` is in 0..1 with a maximum of 1. Weights that do not count at all have no part in the range.
inline ScaleOffset search_scale_offset(std::span<const float> x, std::span<const float> w, float highest,
                                       const OffsetStarts& starts) noexcept {
  // Weighted mean and range.
  float total = 0, weighted = 0, low = HUGE_VALF, high = -HUGE_VALF;
  for (std::size_t i = 0; i < x.size(); ++i) {
    total += w[i];
    weighted += w[i] * x[i];
    low = w[i] > 0.0f ? std::min(low, x[i]) : low;
    high = w[i] > 0.0f ? std::max(high, x[i]) : high;
  }
  const float mean = weighted / total;
  const float range = high - low;
  if (!has_spread(low, high)) return constant_group(low + range * 0.5f);

  float centred[64];
  float squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    centred[i] = x[i] - mean;
    squares += (w[i] * centred[i]) * centred[i];
  }
  const std::span<const float> xc(centred, x.size());
  const float middle = (highest + 1.0f) * 0.5f;  // 8 or 16: codes are measured from it

  detail::OffsetMoments best;
  float best_score = 0.0f, best_variance = 1.0f;
  const auto consider = [&](float inverse_scale, float shift) {
    const detail::OffsetMoments sums =
        detail::offset_moments(xc, w, inverse_scale, shift, -middle, highest - middle);
    const float variance = sums.qq - (sums.q * sums.q) / total;
    const float score = variance > 0.0f ? (sums.xq * sums.xq) / variance : 0.0f;
    if (score > best_score) {
      best_score = score;
      best_variance = variance;
      best = sums;
    }
  };
  const float step = range / highest;
  for (int i = 0; i < starts.cuts; ++i) {
    for (int j = 0; j < starts.cuts; ++j) {
      const float bottom = (low - mean) + (starts.first_cut + static_cast<float>(i) * starts.cut_step) * step;
      const float top = (high - mean) - (starts.first_cut + static_cast<float>(j) * starts.cut_step) * step;
      const float inverse = highest / (top - bottom);
      consider(inverse, -bottom * inverse - middle);
    }
  }
  for (float steps = highest; steps > middle - 1.0f; steps -= 1.0f)
    consider(steps / range, -(low - mean) * (steps / range) - middle);
  const float deviation = std::max(std::sqrt(squares / total), kSmallestPeak);
  for (const float width : kDeviations) {
    const float bottom = -width * deviation, inverse = highest / (-2.0f * bottom);
    consider(inverse, -bottom * inverse - middle);
  }
  if (!(best_score > 0.0f)) return constant_group(mean);
  for (int round = 0; round < starts.refinements; ++round) {
    const float inverse = best_variance / best.xq;
    consider(inverse, best.q / total);  // offset of the centred values: -scale * sum w q / sum w
  }

  // From here on with stored numbers: as found; scale refitted for that offset; both refitted; the range as it is.
  const float scale = best.xq / best_variance;
  ScaleOffset result{f16_round(scale), f16_round(mean - scale * (best.q / total + middle))};
  const detail::OffsetError first = detail::offset_error(x, w, result, highest);
  float best_error = first.error;
  const auto keep_if_better = [&](ScaleOffset fit) {
    const float error = detail::offset_error(x, w, fit, highest).error;
    if (error < best_error) {
      best_error = error;
      result = fit;
    }
  };
  const float offset = result.offset;
  const float variance = first.cc - (first.c * first.c) / total;
  const float covariance = first.zc - (first.z * first.c) / total;
  if (first.cc > 0.0f) keep_if_better({f16_round(first.zc / first.cc), offset});
  if (variance > 0.0f) {
    const float refitted = covariance / variance;
    keep_if_better({f16_round(refitted), f16_round(offset + (first.z - refitted * first.c) / total)});
  }
  keep_if_better({f16_round(step), f16_round(low)});
  return result;
}

}  // namespace pq
