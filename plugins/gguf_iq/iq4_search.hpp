// How hard iq4_nl and iq4_xs are searched: the one place with these numbers (docs/explain/codebook-search.md).
#pragma once

#include <polyquant/encoding.hpp>

#include <array>
#include <cstdint>
#include <span>

namespace pq::gguf_iq {

/// Where the largest weight is put, in levels: negative on the long side of the table (-127), positive on the short one (113). On real
/// weights 98 % of the best ones lie between 0.68 and 1.26 of 127.
template <std::size_t kCount>
constexpr std::array<float, 2 * kCount> iq4_peaks(float first, float last) {
  std::array<float, 2 * kCount> peaks{};
  for (std::size_t i = 0; i < kCount; ++i) {
    const float at =
        127.0f * (first + (last - first) * static_cast<float>(i) / static_cast<float>(kCount - 1));
    peaks[2 * i] = -at;
    peaks[2 * i + 1] = at;
  }
  return peaks;
}
inline constexpr auto kIq4FewPeaks = iq4_peaks<6>(0.72f, 1.14f);
inline constexpr auto kIq4Peaks = iq4_peaks<8>(0.70f, 1.18f);
inline constexpr auto kIq4MorePeaks = iq4_peaks<10>(0.68f, 1.22f);
inline constexpr auto kIq4ManyPeaks = iq4_peaks<48>(0.55f, 1.5f);
inline constexpr auto kIq4OneSidedPeaks = iq4_peaks<128>(0.55f, 1.5f);
/// Where the weighted root mean square is put: finds a scale where the largest weights do not count.
inline constexpr std::array<float, 4> kIq4Rms{51.0f, -51.0f, 60.0f, -60.0f};

struct Iq4Effort {
  std::span<const float> peaks;
  std::span<const float> rms;
  int window;        // iq4_xs: scale codes tried on each side of the estimate, for both signs
  int super_scales;  // iq4_xs: values of d tried
};
/// fast and normal: 18 starts, and 24 for groups that may be left with a large error (below); best: these and 100. `fast` has no cheaper search:
/// one that stays below ggml's error on all data would save little. Groups of one sign, whose error jumps about with the scale, always have
/// 256 more.
inline Iq4Effort iq4_nl_effort(Effort effort) noexcept {
  const std::span<const float> rms(kIq4Rms);
  if (effort == Effort::best) return {kIq4ManyPeaks, rms, 0, 1};
  return {kIq4Peaks, rms.first(2), 0, 1};
}
inline Iq4Effort iq4_nl_again() noexcept { return {kIq4MorePeaks, kIq4Rms, 0, 1}; }

/// Groups of iq4_nl whose error is above this share of the squares are searched again: 2 to 6 in a hundred of real weights.
inline constexpr float kIq4PoorShare = 0.010f;
/// So are those in which few weights count, measured by (sum w)^2 / sum w^2: the fewer, the more is left to chance.
inline constexpr float kIq4FewWeights = 6;
/// And as by `best` those that hold this share of the squares of a row of at least so many: they decide its error alone. Blocks of equal size
/// have an eighth at most.
inline constexpr float kIq4DominantInRow = 0.25f;
inline constexpr std::int64_t kIq4DominantRow = 8;

/// fast and normal: the estimated scale code for each sign, from 14 starts; best, and blocks of one sign: 17 codes from 20 starts, and 8 values
/// of the super-scale. The codes next to the best one are always tried.
inline Iq4Effort iq4_xs_effort(Effort effort) noexcept {
  const std::span<const float> rms(kIq4Rms);
  if (effort == Effort::best) return {kIq4Peaks, rms, 8, 8};
  return {kIq4FewPeaks, rms.first(2), 0, 1};
}

/// Errors up to this share of the squares come from the rounding of scales; up to the second they are not worth a look, being no larger than
/// that of one f16 number.
inline constexpr float kIq4ExactFit = 0x1p-13f;
inline constexpr float kIq4BestFit = 0x1p-26f;
/// How many times the error with real scales that of iq4_xs may be before other super-scales are tried. On ordinary weights it is below 1.1.
inline constexpr float kIq4PoorFit = 1.15f;

/// A group with this share of the squares of a block of iq4_xs decides its error alone, so the block is searched as by `best`. With a normal
/// distribution and groups of one size none has so much.
inline constexpr float kIq4Dominant = 0.9f;

}  // namespace pq::gguf_iq
