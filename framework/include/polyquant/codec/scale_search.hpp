// Search for the scale of a group whose values are  scale * code,  code = lowest..highest.
//
// For a scale the best codes are the nearest ones; for codes the best scale is a/b with a = sum w x q, b = sum w q^2, and the weighted
// squared error is then  sum w x^2 - a^2/b. So a^2/b scores a set of codes without knowing the scale. These plain loops are the
// definition; SIMD versions do the same operations in the same order and give the same scales (docs/explain/scale-search.md).
#pragma once

#include <polyquant/codec/rounding.hpp>

#include <cstdint>
#include <span>

namespace pq {

/// Integer codes of a symmetric grid.
struct CodeRange {
  float lowest;   // negative
  float highest;  // positive
};

/// Where the search begins: the code (a real number, any sign) at which the weight of largest magnitude is put, or the weighted root mean
/// square, which finds a scale even where the largest weights do not count.
struct ScaleStarts {
  std::span<const float> peak_codes;
  std::span<const float> rms_codes;
  int refinements = 2;   // rounds of: best scale of the best codes, nearest codes again
  int final_rounds = 2;  // rounds with the scale rounded to f16
};

/// Sums over one group for one scale.
struct ScaleMoments {
  float a = 0;  // sum w x q
  float b = 0;  // sum w q^2
};

inline ScaleMoments scale_moments(std::span<const float> x, std::span<const float> w, float inverse_scale,
                                  CodeRange range) noexcept {
  ScaleMoments sums;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float q = nearest_code(x[i], inverse_scale, range.lowest, range.highest);
    const float wq = w[i] * q;
    sums.a += wq * x[i];
    sums.b += wq * q;
  }
  return sums;
}

/// Squared error of the values that a decoder sees, and the sums for a refit.
struct ScaleError {
  float error = 0;
  ScaleMoments sums;
};

inline ScaleError scale_error(std::span<const float> x, std::span<const float> w, float scale,
                              CodeRange range) noexcept {
  ScaleError result;
  const float inverse = inverse_or_zero(scale);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float q = nearest_code(x[i], inverse, range.lowest, range.highest);
    const float difference = x[i] - scale * q;
    result.error += (w[i] * difference) * difference;
    const float wq = w[i] * q;
    result.sums.a += wq * x[i];
    result.sums.b += wq * q;
  }
  return result;
}

/// The weight of largest magnitude; of two that differ in sign only, the positive one.
inline float peak_weight(std::span<const float> x) noexcept {
  float lowest = 0, highest = 0;
  for (const float value : x) {
    lowest = std::min(lowest, value);
    highest = std::max(highest, value);
  }
  return -lowest > highest ? lowest : highest;
}

/// A group that fits its grid except for the rounding of the scale (one value, or one magnitude) can be stored with any code for its peak:
/// the scale whose rounding hurts least is returned. `error`: of `scale`.
inline float search_exact_fit(std::span<const float> x, std::span<const float> w, CodeRange range, float peak,
                              float scale, float error) noexcept {
  for (float code = range.lowest; code <= range.highest; code += 1.0f) {
    if (code == 0.0f) continue;
    const float other = f16_round(peak / code);
    const float other_error = scale_error(x, w, other, range).error;
    if (other_error < error) {
      error = other_error;
      scale = other;
    }
  }
  return scale;
}

/// Squared errors up to this share of the squares come from the rounding of the scale: f16 has 11 bits.
inline constexpr float kExactFit = 0x1p-20f;

/// The f16 scale found for a group. `x` is finite (|x| < 2^24), `w` is in 0..1 with a maximum of 1.
inline float search_scale(std::span<const float> x, std::span<const float> w, CodeRange range,
                          const ScaleStarts& starts) noexcept {
  const float peak = peak_weight(x);
  if (std::abs(peak) < kSmallestPeak) return 0.0f;
  const float inverse_peak = 1.0f / peak;

  ScaleMoments best;
  float best_score = 0.0f;
  const auto consider = [&](float inverse_scale) {
    const ScaleMoments sums = scale_moments(x, w, inverse_scale, range);
    const float score = sums.b > 0.0f ? (sums.a * sums.a) / sums.b : 0.0f;
    if (score > best_score) {
      best_score = score;
      best = sums;
    }
  };
  for (const float code : starts.peak_codes) consider(code * inverse_peak);
  float total = 0, squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    total += w[i];
    squares += (w[i] * x[i]) * x[i];
  }
  const float inverse_rms = squares > 0.0f ? std::sqrt(total / squares) : 0.0f;
  for (const float code : starts.rms_codes) consider(code * inverse_rms);
  if (!(best_score > 0.0f)) return 0.0f;
  for (int round = 0; round < starts.refinements; ++round) consider(best.b / best.a);

  float scale = f16_round(best.a / best.b);
  ScaleError current = scale_error(x, w, scale, range);
  float best_scale = scale;
  float best_error = current.error;
  for (int round = 1; round < starts.final_rounds; ++round) {
    scale = current.sums.b > 0.0f ? f16_round(current.sums.a / current.sums.b) : scale;
    current = scale_error(x, w, scale, range);
    if (current.error < best_error) {
      best_error = current.error;
      best_scale = scale;
    }
  }
  if (best_error <= squares * kExactFit) return search_exact_fit(x, w, range, peak, best_scale, best_error);
  return best_scale;
}

}  // namespace pq
