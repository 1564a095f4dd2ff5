// Importance of columns as the searches want it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace pq {

/// The importance of each column relative to the largest of its group of `group_cols` columns: 0..1 with a maximum of 1. Only ratios inside
/// a group matter to a search. Values that are negative or not finite count as 0; a group that is all zero counts as all equal.
inline std::vector<float> normalized_importance(std::span<const float> importance, std::size_t group_cols) {
  constexpr float kNegligible = 0x1p-60f;  // keeps products out of the subnormal range
  std::vector<float> result(importance.size());
  for (std::size_t begin = 0; begin < importance.size(); begin += group_cols) {
    const std::size_t end = std::min(begin + group_cols, importance.size());
    const auto usable = [&](std::size_t i) {
      return std::isfinite(importance[i]) && importance[i] > 0.0f ? importance[i] : 0.0f;
    };
    float largest = 0.0f;
    for (std::size_t i = begin; i < end; ++i) largest = std::max(largest, usable(i));
    for (std::size_t i = begin; i < end; ++i) {
      const float ratio = largest > 0.0f ? usable(i) / largest : 1.0f;
      result[i] = ratio < kNegligible ? 0.0f : ratio;
    }
  }
  return result;
}

}  // namespace pq
