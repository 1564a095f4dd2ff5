// What a group of weights is stored with, and the code nearest to a weight. These plain functions are the definition; SIMD does the same operations.
#pragma once

#include <polyquant/codec/affine_rows.hpp>
#include <polyquant/codec/rounding.hpp>

#include <algorithm>

namespace pq::affine {

/// Scale and zero of a group as they are stored; the zero is an offset for AffineZero::offset.
struct GroupFit {
  float scale = 0;
  float zero = 0;
};

inline GroupFit load_fit(const AffineRows& layout, const std::byte* row, std::size_t group) noexcept {
  const bool whole = layout.zero_kind() == AffineZero::none || layout.zero_kind() == AffineZero::integer;
  return {layout.scale(row, group),
          whole ? static_cast<float>(layout.zero(row, group)) : layout.real_zero(row, group)};
}

inline void store_fit(const AffineRows& layout, GroupFit fit, std::size_t group, std::byte* row) noexcept {
  layout.set_scale(row, group, fit.scale);
  if (layout.zero_kind() == AffineZero::integer)
    layout.set_zero(row, group, static_cast<int>(fit.zero));
  else if (layout.zero_kind() != AffineZero::none)
    layout.set_real_zero(row, group, fit.zero);
}

/// The code for a finite weight, as GPTQ's tools choose it: x / scale to the nearest integer, ties to even, then the zero is added.
inline float code_for(float weight, GroupFit fit, AffineZero kind, float highest) noexcept {
  const float divisor = fit.scale == 0.0f ? HUGE_VALF : fit.scale;  // a scale of 0: any code will do
  if (kind == AffineZero::offset)
    return std::min(std::max(round_even((weight - fit.zero) / divisor), 0.0f), highest);
  if (kind == AffineZero::real)
    return std::min(std::max(round_even(weight / divisor + fit.zero), 0.0f), highest);
  return std::min(std::max(round_even(weight / divisor) + fit.zero, 0.0f), highest);
}

/// What a code decodes to.
inline float value_of(float code, GroupFit fit, AffineZero kind) noexcept {
  if (kind != AffineZero::offset) return fit.scale * (code - fit.zero);
  const float product = fit.scale * code;
  return product + fit.zero;
}

}  // namespace pq::affine
