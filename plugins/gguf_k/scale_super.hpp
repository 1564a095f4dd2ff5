// How hard super-blocks without minima are searched; see scale_super-inl.hpp.
#pragma once

#include <polyquant/codec/rounding.hpp>

#include <algorithm>
#include <span>

namespace pq::gguf {

struct ScaleSearch {
  std::span<const float> starts;  // |code| of the peak / |kMinCode|, for both signs of the scale
  float rms = 0;                  // one more: of the weighted root mean square, for peaks that do not count
  std::span<const float>
      stretches;  // factors of the super-scale that follows from the largest scale: the one that rounds least is taken
  std::span<const float> more_stretches;  // these are searched as well
  int window = 0;                         // even; 2 * window scale codes are tried around both starts
  int refits = 1;
  int refit_window = 2;
};

/// Squared errors up to this share of the squares, far below what random weights leave, are mostly due to the rounding of d (often a subnormal
/// f16) and of the group scales.
template <class Codec>
inline constexpr float kSuperExactFit = std::max(0x1p-15f,
                                                 1.0f / (128.0f * (Codec::kMaxCode - Codec::kMinCode) *
                                                         (Codec::kMaxCode - Codec::kMinCode)));

/// How many times the error with real group scales the one with integers may be before other super-scales are tried. On ordinary weights it is
/// below 1.
inline constexpr float kSuperPoorFit = 1.3f;
/// Errors below this are no larger than what the rounding of one normal f16 number leaves: not worth a look.
inline constexpr float kSuperBestFit = 0x1p-26f;

/// Weights fit a grid but for the rounding of factors if the error is several times what real numbers leave (as far as sums of floats
/// tell). One weight of huge importance makes an error small in comparison with the squares, too, but there nothing is left to gain. (Of weights of one
/// sign all can be far from what real numbers leave: not asked for those.)
inline bool misses_grid(float error, float possible, float squares) noexcept {
  return error > 4.0f * (possible - squares * 0x1p-21f);
}

/// Super-blocks with as many weights that equal the one before may be quantized ones, or sparse ones. Of 32 levels it is every 32nd weight,
/// of weights with a normal distribution in bf16 every 1100th; columns that were copied have some, too.
inline constexpr float kGridRepeats = 5;
/// They are taken for quantized ones if no group has a smaller difference than a step of so many. Eight random groups have none in one of
/// two thousand cases.
inline constexpr float kMostGridSteps = 64;
/// Quantized ones that are left with an error between these shares of the squares, more than f16 rounds away and a sixteenth of what random
/// weights leave, have groups whose scale is not that of their grid: these super-blocks are searched as by `best`.
inline constexpr float kGridMiss = 0x1p-22f;
template <class Codec>
inline constexpr float kGridFit = 1.0f / (16.0f * (Codec::kMaxCode - Codec::kMinCode) *
                                          (Codec::kMaxCode - Codec::kMinCode));
/// With fewer groups that count, measured by (sum s)^2 / sum s^2 over their squares s, a super-block is decided by one or two. Of random weights
/// in groups of one size it is 10.
inline constexpr float kFewGroups = 2.5f;
/// Super-blocks of one sign: further stretches that are searched.
inline constexpr float kOneSidedStretches[] = {0.97f, 1.03f, 1.09f, 1.15f, 1.18f, 1.24f, 1.27f, 1.3f};
/// With so many they are mostly zero.
inline constexpr float kSparseRepeats = 192;

}  // namespace pq::gguf
