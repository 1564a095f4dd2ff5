// How hard a group is searched: the one place with these numbers.
#pragma once

#include <polyquant/encoding.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace pq::affine {

/// Half of the best range of an evenly spaced grid for gaussian weights, in standard deviations, for 2 to 8 bits (Max 1960: step times half of the
/// number of levels).
inline constexpr float kGaussianReach[] = {1.99f, 2.34f, 2.68f, 3.01f, 3.33f, 3.64f, 3.94f};
/// The smallest share of the plain range that is tried.
inline constexpr float kLeastShare[] = {0.35f, 0.45f, 0.55f, 0.65f, 0.75f, 0.85f, 0.9f};
/// Ranges around 0 by the deviation of the weights, for groups whose ends are outliers or do not count; in units of the gaussian range.
inline constexpr float kReaches[] = {0.8f, 1.0f, 1.25f, 1.6f};

struct Starts {
  std::vector<float> shares;     // of the plain range, for each of its ends
  std::vector<float> rms_codes;  // where one standard deviation is put, in steps from the zero
  int refinements = 2;
  int zero_reach = 1;  // how far the zero is moved at the end
};

inline Starts make_starts(int bits, bool symmetric, Effort effort) {
  const auto b = static_cast<std::size_t>(bits - 2);
  const bool best = effort == Effort::best;
  Starts starts;
  const std::size_t count = symmetric ? (best ? 64 : 16) : (best ? 16 : 6);
  const float first = symmetric ? 1.15f : 1.0f;
  const float last = kLeastShare[b] - (best ? 0.1f : 0.0f);
  for (std::size_t i = 0; i < count; ++i)
    starts.shares.push_back(first + (last - first) * static_cast<float>(i) / static_cast<float>(count - 1));
  for (const float reach : kReaches)
    starts.rms_codes.push_back(static_cast<float>(1 << (bits - 1)) / (reach * kGaussianReach[b]));
  starts.zero_reach = best ? 2 : 1;
  starts.refinements = best ? 3 : 2;
  return starts;
}

}  // namespace pq::affine
