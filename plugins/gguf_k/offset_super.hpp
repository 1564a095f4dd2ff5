// How hard super-blocks with minima are searched; see offset_super-inl.hpp.
#pragma once

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

}  // namespace pq::gguf
