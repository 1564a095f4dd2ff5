// Rows at equal distances.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace pq {

/// Rows first, first + step, ..., `count` of them.
struct RowSteps {
  std::int64_t first = 0, count = 0, step = 1;

  std::int64_t last() const noexcept { return first + (count - 1) * step; }
  bool empty() const noexcept { return count <= 0; }
};

/// The rows that are in both.
inline RowSteps common_rows(const RowSteps& a, const RowSteps& b) noexcept {
  if (a.empty() || b.empty()) return {};
  const std::int64_t begin = std::max(a.first, b.first), end = std::min(a.last(), b.last());
  if (begin > end) return {};
  std::int64_t row = a.first + (begin - a.first + a.step - 1) / a.step * a.step;
  // What is left over by the other step repeats after so many rows.
  const std::int64_t tries = b.step / std::gcd(a.step, b.step);
  for (std::int64_t i = 0; i < tries && row <= end; ++i, row += a.step)
    if ((row - b.first) % b.step == 0) {
      const std::int64_t step = a.step * tries;
      return {row, (end - row) / step + 1, step};
    }
  return {};
}

}  // namespace pq
