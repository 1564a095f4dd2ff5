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

/// Super-blocks with as many weights that equal the one before are taken for quantized ones, or sparse ones. Of 32 levels it is every 32nd
/// weight, of weights with a normal distribution in bf16 every 1100th.
inline constexpr float kGridRepeats = 5;
/// With so many they are mostly zero.
inline constexpr float kSparseRepeats = 192;

}  // namespace pq::gguf
