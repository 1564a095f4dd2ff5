// How hard super-blocks with minima are searched; see offset_super-inl.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace pq::gguf {

/// Steps by which the ends of a range move: inwards if positive, and then times the root of mean(w) / w; outwards if negative, for weights
/// that have fewer steps than there are codes.
struct RangeCut {
  float low, high;
};

struct OffsetSearch {
  std::span<const RangeCut> cuts;
  float deviations = 0;  // one more range: so many standard deviations to both sides of the mean
  std::span<const float>
      stretches;  // factors of the super-scales that follow from the largest scale and minimum; all pairs are tried
  int scales = 0;  // scale codes tried to either side
  int mins = 0;    // codes of the minimum tried to either side, for each of these
  int refits = 1;  // each with all neighbours of both codes
  int ends =
      0;  // places of each end of a range, in all combinations: kEndStep of the range of the weights that count apart
};

/// Cuts of both ends in all combinations, and places for them, for super-blocks of which one group has this share of the squares and of the
/// error: that error is a matter of one lattice. With a normal distribution and groups of one size none has more than a half.
inline constexpr float kDominant = 0.9f;
inline constexpr int kManyEnds = 16;
inline constexpr float kEndStep = 0.03f;
/// Weights whose importance is below the mean of their group divided by the square of this do not count for its range.
inline constexpr float kFarthestReach = 32.0f;
inline constexpr auto kManyCuts = [] {
  constexpr std::size_t kSteps = 7;
  std::array<RangeCut, kSteps * kSteps> cuts{};
  for (std::size_t i = 0; i < cuts.size(); ++i)
    cuts[i] = {-0.6f + 0.3f * static_cast<float>(i / kSteps), -0.6f + 0.3f * static_cast<float>(i % kSteps)};
  return cuts;
}();

}  // namespace pq::gguf
