#include "run/near_packing.hpp"

#include <polyquant/base/half.hpp>

#include <algorithm>
#include <cmath>

namespace pq {
namespace {

constexpr float kMostSteps =
    1.0f / 64;  // that an offset may be off: a search for another grid leaves 20 times as much

/// The code that becomes 0, of those that leave all others within 0 to `highest`: the offset there is nearest to a number of f16.
std::int32_t best_zero(float scale, float offset, std::int32_t low, std::int32_t high, std::int32_t highest) {
  std::int32_t best = low;
  float least = HUGE_VALF;
  for (std::int32_t zero = low; zero >= high - highest; --zero) {
    const float exact = offset + scale * static_cast<float>(zero),
                error = std::abs(f16_to(f16_from(exact)) - exact);
    if (!(error < least)) continue;
    least = error;
    best = zero;
  }
  return best;
}

}  // namespace

Fit round_offsets(const AffineRow& row, const Encoding& encoding, AffineRow& out) {
  const Grid& grid = encoding.info().grid;
  const auto block = static_cast<std::size_t>(std::max(grid.group_cols, 0)),
             from = static_cast<std::size_t>(std::max(row.group_cols, 0));
  const bool fits = !grid.symmetric && block > 0 && from > 0 && from % block == 0 && grid.code_bits <= 8 &&
                    row.codes.size() % block == 0;
  if (!fits) return Fit::no;
  const std::int32_t highest = (1 << grid.code_bits) - 1;
  bool is_exact = true;
  out.group_cols = static_cast<int>(block);
  out.codes = row.codes;
  out.scales.clear();
  out.offsets.clear();
  for (std::size_t first = 0; first < row.codes.size(); first += block) {
    const auto begin = out.codes.begin() + static_cast<std::ptrdiff_t>(first),
               end = begin + static_cast<std::ptrdiff_t>(block);
    const auto [low, high] = std::minmax_element(begin, end);
    if (*high - *low > highest) return Fit::no;
    const float scale = row.scales[first / from], offset = row.offsets[first / from];
    const std::int32_t zero = best_zero(scale, offset, *low, *high, highest);
    const float exact = offset + scale * static_cast<float>(zero), rounded = f16_to(f16_from(exact));
    if (!(std::abs(rounded - exact) <= kMostSteps * std::abs(scale))) return Fit::no;
    for (auto code = begin; code != end; ++code) {
      const float wanted = scale * static_cast<float>(*code) + offset;
      *code -= zero;
      is_exact &= scale * static_cast<float>(*code) + rounded == wanted;
    }
    out.scales.push_back(scale);
    out.offsets.push_back(rounded);
  }
  return is_exact ? Fit::exact : Fit::nearly;
}

}  // namespace pq
