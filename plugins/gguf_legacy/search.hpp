// How hard each encoding is searched: the one place with these numbers, for the reference and for SIMD.
// Measured by tests/bench/encoders.py; what each level costs and brings: docs/explain/scale-search.md.
#pragma once

#include <polyquant/codec/quick_offset.hpp>
#include <polyquant/encoding.hpp>

#include <array>

namespace pq::gguf {

/// Peaks are relative to the lowest code (-8, -16): 1 puts the largest weight on it, above 1 clips it, below 0 is the other sign. Where the
/// best ones lie was counted on real weights: 98 % between 0.79 and 1.36, or between -0.76 and -1.06.
template <std::size_t kLong, std::size_t kShort>
constexpr std::array<float, kLong + kShort> spread_peaks(float lowest, float long_end, float short_end) {
  constexpr float kNearest = 0.76f;
  std::array<float, kLong + kShort> peaks{};
  for (std::size_t i = 0; i < kLong; ++i)
    peaks[i] = lowest * (kNearest + (long_end - kNearest) * static_cast<float>(i) / (kLong - 1));
  for (std::size_t i = 0; i < kShort; ++i)
    peaks[kLong + i] = -lowest * (kNearest + (short_end - kNearest) * static_cast<float>(i) / (kShort - 1));
  return peaks;
}
inline constexpr auto kPeaks4 = spread_peaks<16, 8>(-8.0f, 1.3f, 1.06f);
inline constexpr auto kPeaks5 = spread_peaks<16, 8>(-16.0f, 1.3f, 1.06f);
inline constexpr std::array<float, 4> kRms4{2.55f, -2.55f, 3.45f, -3.45f};
inline constexpr std::array<float, 4> kRms5{4.7f, -4.7f, 6.3f, -6.3f};

/// With importance: 28 starts. `fast` has no cheaper search: one that stays below ggml's error on all data would save little.
template <class Codec>
ScaleStarts scale_starts(Effort) noexcept {
  if constexpr (Codec::kCodeBits == 4)
    return {kPeaks4, kRms4, 1, 2};
  else
    return {kPeaks5, kRms5, 1, 2};
}

/// With importance, and `best` without: 64 or 400 pairs of range ends. `fast` has no cheaper search here either.
template <class Codec>
OffsetStarts offset_starts(Effort effort) noexcept {
  if (effort == Effort::best) return {20, -1.0f, 0.2f, 2};
  return {8, -0.7f, 0.4f, 1};
}

template <std::size_t kCount>
constexpr QuickScaleStarts<kCount> quick_scale(double lowest, const std::array<double, kCount>& peaks,
                                               int refinements) {
  QuickScaleStarts<kCount> result{{}, refinements};
  for (std::size_t i = 0; i < kCount; ++i) result.multipliers[i] = quick_multiplier(peaks[i] * lowest);
  return result;
}
inline constexpr auto kQuickScaleFast4 = quick_scale<2>(-8, {1.0, 0.92}, 0);
inline constexpr auto kQuickScale4 = quick_scale<3>(-8, {1.0, 1.06, 0.92}, 0);
inline constexpr auto kQuickScaleFast5 = quick_scale<3>(-16, {1.0, 0.95, -0.9}, 0);
inline constexpr auto kQuickScale5 = quick_scale<5>(-16, {1.0, 0.95, -0.9, 1.05, 0.9}, 1);

// One of them is the plain minimum and maximum (ggml's), but for its fit; the others lie up to 0.3 steps off, where the error of random
// weights is smallest.
inline constexpr QuickShifts<2> kQuickOffset4{4, {7, 12}};
inline constexpr QuickShifts<3> kQuickOffset5{5, {1, 3, 5}};

/// Without importance, unless `best` is asked for.
template <class Codec, bool kFast>
constexpr const auto& quick_starts() noexcept {
  if constexpr (Codec::kHasOffset && Codec::kCodeBits == 4) {
    return kQuickOffset4;
  } else if constexpr (Codec::kHasOffset) {
    return kQuickOffset5;
  } else if constexpr (Codec::kCodeBits == 4) {
    if constexpr (kFast)
      return kQuickScaleFast4;
    else
      return kQuickScale4;
  } else {
    if constexpr (kFast)
      return kQuickScaleFast5;
    else
      return kQuickScale5;
  }
}

/// Peak codes from -128 on, a whole code apart (fast: 4, normal: 8) or half a one (best: 48).
template <std::size_t kCount>
constexpr std::array<FineStart, kCount> spread_fine_starts(double step) {
  std::array<FineStart, kCount> starts{};
  for (std::size_t i = 0; i < kCount; ++i) starts[i] = fine_start(-128.0 + step * static_cast<double>(i));
  return starts;
}
inline constexpr auto kFineFast = spread_fine_starts<4>(1.0);
inline constexpr auto kFineNormal = spread_fine_starts<8>(1.0);
inline constexpr auto kFineBest = spread_fine_starts<48>(0.5);
inline std::span<const FineStart> fine_starts(Effort effort) noexcept {
  if (effort == Effort::fast) return kFineFast;
  if (effort == Effort::normal) return kFineNormal;
  return kFineBest;
}

}  // namespace pq::gguf
