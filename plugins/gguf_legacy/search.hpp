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

template <std::size_t kCount>
constexpr std::array<std::int16_t, kCount> quick_multipliers(double lowest, const std::array<double, kCount>& peaks) {
  std::array<std::int16_t, kCount> result{};
  for (std::size_t i = 0; i < kCount; ++i) result[i] = quick_multiplier(peaks[i] * lowest);
  return result;
}
inline constexpr auto kQuickPeaks4 = quick_multipliers<6>(-8, {1.0, 0.92, 1.06, 0.85, -0.85, -0.95});
inline constexpr auto kQuickPeaks5 = quick_multipliers<6>(-16, {1.0, 0.96, 1.03, 0.92, -0.92, -0.97});

/// Without importance.
template <class Codec>
QuickScaleStarts quick_scale_starts(Effort) noexcept {
  if constexpr (Codec::kCodeBits == 4) return {kQuickPeaks4, 1};
  else return {kQuickPeaks5, 1};
}

inline constexpr std::array<QuickLattice, 1> kQuickLattices4{quick_lattice(15, 0.17, 0.17)};
inline constexpr std::array<QuickLattice, 1> kQuickLattices5{quick_lattice(31, 0.17, 0.17)};
template <class Codec>
QuickOffsetStarts quick_offset_starts(Effort) noexcept {
  if constexpr (Codec::kCodeBits == 4) return {kQuickLattices4, 0};
  else return {kQuickLattices5, 0};
}

inline constexpr std::array<FineStart, 8> kFineStarts{fine_start(-128), fine_start(-127), fine_start(-126), fine_start(-125),
                                                      fine_start(-124), fine_start(-123), fine_start(-122), fine_start(-121)};
inline std::span<const FineStart> fine_starts(Effort) noexcept { return kFineStarts; }

}  // namespace pq::gguf
