// Moving scale and zero of a group with the codes as they are. Directions are (code - zero, 1), and (code, 1) for AffineZero::offset.
#pragma once

#include "affine/grid.hpp"

#include <polyquant/codec/scale_moves.hpp>

#include <array>

namespace pq::affine {

/// The nearest number of the scales' type.
inline float stored_real(const AffineRows& layout, float value) noexcept {
  std::array<std::byte, 4> bytes;
  layout.set_scale(bytes.data(), 0, value);
  return layout.scale(bytes.data(), 0);
}

/// Offers the best scale for the zero `zero`: with s' the new scale each value is s' (code - zero) = s' (direction - step).
inline void offer_zero(const AffineRows& layout, const ScaleCost& cost, GroupFit now, float zero,
                       Cheapest<GroupFit>& best) {
  const double step = double{zero} - double{now.zero}, b = double{cost.product},
               square = double{cost.offset_square}, scale = double{now.scale};
  const double slope = double{cost.scale_slope} - double{cost.offset_slope} * step;
  const double wanted =
      scale + double{quotient_or_zero(-slope + (b * step - square * step * step) * scale,
                                      double{cost.scale_square} - 2 * b * step + square * step * step)};
  const float moved = stored_real(layout, static_cast<float>(wanted));
  if (!(moved * now.scale > 0)) return;
  best.offer({moved, zero}, cost.of(moved - now.scale, moved * (now.zero - zero)));
}

inline void offer_real(const AffineRows& layout, const ScaleCost& cost, GroupFit now,
                       Cheapest<GroupFit>& best) {
  const float moved = stored_real(layout, now.scale + best_move(cost).scale);
  if (!(moved * now.scale > 0)) return;
  const float offset = best_offset(cost, moved - now.scale);
  if (layout.zero_kind() == AffineZero::offset) {
    const float shifted = stored_real(layout, now.zero + offset);
    best.offer({moved, shifted}, cost.of(moved - now.scale, shifted - now.zero));
  } else {
    const float zero = stored_real(layout, now.zero - offset / moved);
    best.offer({moved, zero}, cost.of(moved - now.scale, moved * (now.zero - zero)));
  }
}

/// Moves the fit to where it costs least, integer zeros by one at most; returns the cost.
inline float move_fit(const AffineRows& layout, const ScaleCost& cost, GroupFit& fit) {
  Cheapest<GroupFit> best(fit);
  const AffineZero kind = layout.zero_kind();
  if (kind == AffineZero::none || kind == AffineZero::integer) {
    offer_zero(layout, cost, fit, fit.zero, best);
    if (kind == AffineZero::integer && fit.zero >= 1) offer_zero(layout, cost, fit, fit.zero - 1, best);
    if (kind == AffineZero::integer && fit.zero < static_cast<float>(layout.max_code()))
      offer_zero(layout, cost, fit, fit.zero + 1, best);
  } else {
    offer_real(layout, cost, fit, best);
  }
  fit = best.stored();
  return best.cost();
}

}  // namespace pq::affine
