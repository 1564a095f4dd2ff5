// How hard super-blocks without minima are searched; see scale_super-inl.hpp.
#pragma once

#include <polyquant/codec/rounding.hpp>

#include <cmath>
#include <span>

namespace pq::gguf {

struct ScaleSearch {
  std::span<const float> starts;  // |code| of the peak / |kMinCode|, for both signs of the scale
  std::span<const float>
      stretches;  // factors of the super-scale that follows from the largest scale: the one that rounds least is taken
  std::span<const float> more_stretches;  // these are searched as well
  int window = 0;                         // even; 2 * window scale codes are tried around both starts
  int refits = 1;
  int refit_window = 2;
};

/// Squared errors up to this share of the squares are mostly due to the rounding of d, which is often a subnormal f16.
inline constexpr float kSuperExactFit = 0x1p-15f;

/// The f16 number nearest to `value`, but not 0 for other numbers: with the smallest f16 the group scales can still be chosen.
inline float nonzero_f16(float value) noexcept {
  const float rounded = f16_round(value);
  return rounded == 0.0f && value != 0.0f ? std::copysign(0x1p-24f, value) : rounded;
}

}  // namespace pq::gguf
