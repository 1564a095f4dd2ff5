// How hard each encoding is searched: the one place with these numbers, for the reference and for SIMD.
// Measured by tests/bench/encoders.py; what each level costs and brings: docs/explain/scale-search.md.
#pragma once

#include <polyquant/codec/quick_search.hpp>
#include <polyquant/encoding.hpp>

#include <array>

namespace pq::gguf {

/// `peaks` relative to the lowest code (-8, -16): 1 puts the largest weight on it, above 1 clips it, below 0 is the other sign.
template <std::size_t kCount>
constexpr std::array<float, kCount> times(float lowest, std::array<float, kCount> peaks) {
  for (float& peak : peaks) peak *= lowest;
  return peaks;
}

inline constexpr auto kPeaks4 = times<8>(-8.0f, {1.0f, 0.9f, 0.95f, 1.05f, 1.1f, -0.8f, -0.9f, -1.0f});
inline constexpr auto kPeaks5 = times<8>(-16.0f, {1.0f, 0.9f, 0.95f, 1.05f, 1.1f, -0.8f, -0.9f, -1.0f});

template <class Codec>
ScaleStarts scale_starts(Effort) noexcept {
  if constexpr (Codec::kCodeBits == 4) return {kPeaks4, 2, 2};
  else return {kPeaks5, 2, 2};
}

template <class Codec>
OffsetStarts offset_starts(Effort) noexcept {
  return {};
}

inline constexpr auto kQuickPeaks4 = times<6>(-8.0f, {1.0f, 0.92f, 1.06f, 0.85f, -0.85f, -0.95f});
inline constexpr auto kQuickPeaks5 = times<6>(-16.0f, {1.0f, 0.96f, 1.03f, 0.92f, -0.92f, -0.97f});

/// Without importance.
template <class Codec>
QuickScaleStarts quick_scale_starts(Effort) noexcept {
  if constexpr (Codec::kCodeBits == 4) return {kQuickPeaks4, 1};
  else return {kQuickPeaks5, 1};
}

inline constexpr std::array<QuickCut, 1> kQuickCuts{{{0.17f, 0.17f}}};
template <class Codec>
QuickOffsetStarts quick_offset_starts(Effort) noexcept {
  return {kQuickCuts, 0};
}

inline constexpr std::array<float, 8> kFinePeaks{-128.0f, -127.0f, -126.0f, -125.0f, -124.0f, -123.0f, -122.0f, -121.0f};
inline FineScaleStarts fine_scale_starts(Effort) noexcept { return {kFinePeaks}; }

}  // namespace pq::gguf
