#include "run/near_packing.hpp"

#include <polyquant/base/half.hpp>

#include <algorithm>
#include <cmath>

namespace pq {
namespace {

// That an offset may be off: its square is 0.3 % of the mean square of what rounding to the grid costs, 1/12.
constexpr float kMostSteps = 1.0f / 64;

/// A grid that begins at the code `zero`, upwards or with the sign of its scale turned downwards, and how far its offset is from a number of f16.
struct Turned {
  bool is_down = false;
  std::int32_t zero = 0;
  float error = HUGE_VALF;
};

/// The nearest, of those that leave all codes within 0 to `highest`.
Turned best_grid(float scale, float offset, std::int32_t low, std::int32_t high, std::int32_t highest) {
  Turned best;
  const auto consider = [&](bool is_down, std::int32_t zero) {
    const float exact = offset + scale * static_cast<float>(zero),
                error = std::abs(f16_to(f16_from(exact)) - exact);
    if (error < best.error) best = {is_down, zero, error};
  };
  for (std::int32_t zero = low; zero >= high - highest; --zero) consider(false, zero);
  for (std::int32_t zero = high; zero <= low + highest; ++zero) consider(true, zero);
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
    const Turned grid_of_block = best_grid(scale, offset, *low, *high, highest);
    if (!(grid_of_block.error <= kMostSteps * std::abs(scale))) return Fit::no;
    const float rounded = f16_to(f16_from(offset + scale * static_cast<float>(grid_of_block.zero))),
                step = grid_of_block.is_down ? -scale : scale;
    for (auto code = begin; code != end; ++code) {
      const float wanted = scale * static_cast<float>(*code) + offset;
      *code = grid_of_block.is_down ? grid_of_block.zero - *code : *code - grid_of_block.zero;
      is_exact &= step * static_cast<float>(*code) + rounded == wanted;
    }
    out.scales.push_back(step);
    out.offsets.push_back(rounded);
  }
  return is_exact ? Fit::exact : Fit::nearly;
}

}  // namespace pq
