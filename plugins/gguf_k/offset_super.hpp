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
};

/// Cuts of both ends in all combinations, for super-blocks of which one group has this share of the squares and of the error. With a normal
/// distribution and groups of one size none has more than a half.
inline constexpr float kDominant = 0.9f;
inline constexpr auto kManyCuts = [] {
  constexpr std::size_t kSteps = 7;
  std::array<RangeCut, kSteps * kSteps> cuts{};
  for (std::size_t i = 0; i < cuts.size(); ++i)
    cuts[i] = {-0.6f + 0.3f * static_cast<float>(i / kSteps), -0.6f + 0.3f * static_cast<float>(i % kSteps)};
  return cuts;
}();

}  // namespace pq::gguf
