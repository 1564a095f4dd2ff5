// Where a shared scale and its offset cost least: what rescale() of a column codec is made of.
#pragma once

#include <polyquant/codec/rounding.hpp>
#include <polyquant/column_codec.hpp>

namespace pq {

/// How far a scale and its offset move.
struct ScaleMove {
  float scale = 0, offset = 0;
};

/// x / y, and 0 where there is nothing to divide by.
inline float quotient_or_zero(double x, double y) noexcept {
  return y > 0 ? static_cast<float>(x / y) : 0.0f;
}

/// The best move of the offset when the scale moves by `scale`.
inline float best_offset(const ScaleCost& cost, float scale) noexcept {
  return quotient_or_zero(-(double{cost.offset_slope} + double{cost.product} * double{scale}),
                          double{cost.offset_square});
}

/// The best move of the scale alone.
inline float best_scale(const ScaleCost& cost) noexcept {
  return quotient_or_zero(-double{cost.scale_slope}, double{cost.scale_square});
}

/// The best move of both; of the scale alone where they do the same.
inline ScaleMove best_move(const ScaleCost& cost) noexcept {
  const double p = double{cost.scale_slope}, t = double{cost.offset_slope}, a = double{cost.scale_square},
               b = double{cost.product}, z = double{cost.offset_square};
  const double determinant = a * z - b * b;
  if (!(determinant > 1e-6 * a * z)) return {best_scale(cost), 0.0f};
  const float scale = quotient_or_zero(b * t - p * z, determinant);
  return {scale, best_offset(cost, scale)};
}

/// Keeps the cheapest of what it is offered; at first what costs nothing, to stay.
template <class Stored>
class Cheapest {
 public:
  explicit Cheapest(const Stored& now) : stored_(now) {}
  void offer(const Stored& stored, float cost) {
    if (!(cost < cost_)) return;
    cost_ = cost;
    stored_ = stored;
  }
  const Stored& stored() const noexcept { return stored_; }
  float cost() const noexcept { return cost_; }

 private:
  Stored stored_;
  float cost_ = 0;
};

/// A scale and an offset that are f16 numbers of their own: moved to the nearest ones. Returns the cost.
inline float move_f16(const ScaleCost& cost, bool has_offset, float& scale, float& offset) noexcept {
  const float moved = f16_round(scale + (has_offset ? best_move(cost).scale : best_scale(cost)));
  const float shifted = has_offset ? f16_round(offset + best_offset(cost, moved - scale)) : offset;
  Cheapest<ScaleMove> best({scale, offset});
  best.offer({moved, shifted}, cost.of(moved - scale, shifted - offset));
  scale = best.stored().scale;
  offset = best.stored().offset;
  return best.cost();
}

}  // namespace pq
