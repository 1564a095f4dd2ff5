// The scale of a ternary block. For a threshold the best scale is a / b with a = sum w |x|, b = sum w over the weights beyond it, and the
// error falls by a^2 / b; the best threshold is half of the best scale.
#pragma once

#include <polyquant/codec/rounding.hpp>
#include <polyquant/encoding.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace pq::gguf_ternary {

inline constexpr std::size_t kTernaryWeights = 256;

/// Sums over the weights beyond a threshold.
struct TernarySums {
  float a = 0, b = 0;
};

/// Adds 16 lanes in a fixed order.
inline float add_lanes(std::array<float, 16>& lanes) noexcept {
  for (std::size_t width = 8; width > 0; width /= 2)
    for (std::size_t l = 0; l < width; ++l) lanes[l] += lanes[l + width];
  return lanes[0];
}

/// Thresholds tried first, in units of the mean magnitude: for most weights the best one is near 0.7 of it.
inline constexpr std::array<float, 8> kTernaryThresholds{0.7f, 0.45f, 1.0f, 0.2f, 1.5f, 2.2f, 3.2f, 0.05f};

struct TernaryEffort {
  std::size_t thresholds;
  int refinements;
};
/// Thresholds, and rounds of scale -> threshold -> scale from the best one. fast: 3 and none; normal: 6 and one, without importance 3 (the
/// others are for weights of which few count: 0.01 % of the error else); best: 8 and 12, from each threshold.
constexpr TernaryEffort ternary_effort(Effort effort, bool equal_importance) noexcept {
  if (effort == Effort::fast) return {3, 0};
  if (effort == Effort::normal) return {equal_importance ? std::size_t{3} : std::size_t{6}, 1};
  return {8, 12};
}

}  // namespace pq::gguf_ternary
