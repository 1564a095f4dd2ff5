#include "run/near_packing.hpp"

#include <polyquant/base/half.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace pq {
namespace {

// That an offset may be off: its square is 0.3 % of the mean square of what rounding to the grid costs, 1/12.
constexpr float kMostSteps = 1.0f / 64;

float in_f16(float value) noexcept { return f16_to(f16_from(value)); }
float in_bf16(float value) noexcept { return bf16_to(bf16_from(value)); }
float in_f32(float value) noexcept { return value; }

/// Whether a row of zero codes with this offset can be stored.
bool holds_offset(const Encoding& encoding, std::int64_t cols, float offset) {
  const int group = encoding.info().grid.group_cols;
  AffineRow row;
  row.group_cols = group;
  row.codes.assign(static_cast<std::size_t>(cols), 0);
  row.scales.assign(static_cast<std::size_t>((cols + group - 1) / group), 1.0f);
  row.offsets.assign(row.scales.size(), offset);
  std::vector<std::byte> bytes(encoding.row_bytes(cols));
  return encoding.pack_affine(row, bytes);
}

/// A grid that begins at the code `zero`, upwards or with the sign of its scale turned downwards.
struct Turned {
  bool is_down = false;
  std::int32_t zero = 0;
  float offset = 0;         // as it is stored
  float error = HUGE_VALF;  // by how much
};

/// The nearest, of those that leave all codes within 0 to `highest`.
Turned best_grid(float scale, float offset, std::int32_t low, std::int32_t high, std::int32_t highest,
                 float (*stored)(float)) {
  Turned best;
  const auto consider = [&](bool is_down, std::int32_t zero) {
    const float exact = offset + scale * static_cast<float>(zero), rounded = stored(exact),
                error = std::abs(rounded - exact);
    if (error < best.error) best = {is_down, zero, rounded, error};
  };
  for (std::int32_t zero = low; zero >= high - highest; --zero) consider(false, zero);
  for (std::int32_t zero = high; zero <= low + highest; ++zero) consider(true, zero);
  return best;
}

}  // namespace

NearPacking::NearPacking(const Encoding& encoding, std::int64_t cols) : grid_(encoding.info().grid) {
  if (grid_.symmetric || grid_.group_cols <= 0 || grid_.code_bits > 8 || cols <= 0) return;
  // The numbers have 24, 11 and 8 bits of mantissa; negative, since k-quants subtract their offsets.
  stored_ = holds_offset(encoding, cols, -(1 + 0x1p-23f))   ? in_f32
            : holds_offset(encoding, cols, -(1 + 0x1p-10f)) ? in_f16
            : holds_offset(encoding, cols, -(1 + 0x1p-7f))  ? in_bf16
                                                            : nullptr;
}

Fit NearPacking::round_offsets(const AffineRow& row, AffineRow& out) const {
  const auto block = static_cast<std::size_t>(std::max(grid_.group_cols, 0)),
             from = static_cast<std::size_t>(std::max(row.group_cols, 0));
  const bool fits = stored_ != nullptr && from > 0 && from % block == 0 && row.codes.size() % block == 0;
  if (!fits) return Fit::no;
  const std::int32_t highest = (1 << grid_.code_bits) - 1;
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
    const Turned grid_of_block = best_grid(scale, offset, *low, *high, highest, stored_);
    const bool is_near = std::isfinite(scale) && grid_of_block.error <= kMostSteps * std::abs(scale);
    if (!is_near) return Fit::no;
    const float step = grid_of_block.is_down ? -scale : scale;
    for (auto code = begin; code != end; ++code) {
      const float wanted = scale * static_cast<float>(*code) + offset;
      *code = grid_of_block.is_down ? grid_of_block.zero - *code : *code - grid_of_block.zero;
      is_exact &= step * static_cast<float>(*code) + grid_of_block.offset == wanted;
    }
    out.scales.push_back(step);
    out.offsets.push_back(grid_of_block.offset);
  }
  return is_exact ? Fit::exact : Fit::nearly;
}

}  // namespace pq
