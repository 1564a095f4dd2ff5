// How hard grids are searched: the one place with these numbers (docs/explain/codebook-search.md).
#pragma once

#include "grids.hpp"

#include <polyquant/encoding.hpp>

#include <array>
#include <span>

namespace pq::gguf_iq {

struct LatticeEffort {
  std::span<const float> starts;  // root mean square of a group in units of the smallest level
  int window = 1;                 // scale codes tried on each side of the estimate
  int rounds = 1;                 // more such windows of one code after a refit of the super-scale
  int flips = 3;                  // weights of a piece whose sign is tried as the wrong one
  int super_scales = 1;           // values of the super-scale tried
};

// Where the best scales lie was counted on real weights (1 and 99 %): IQ3 3.5 and 10.4, IQ2 1.6 and 4.8, IQ1 0.54 and 1.1.
inline constexpr std::array<float, 8> kStarts3{6.4f, 4.6f, 5.4f, 8.0f, 4.0f, 9.5f, 3.5f, 7.2f};
inline constexpr std::array<float, 8> kStarts2{2.6f, 3.25f, 4.5f, 2.1f, 1.75f, 3.8f, 2.3f, 2.9f};
inline constexpr std::array<float, 8> kStarts1{0.82f, 0.68f, 0.95f, 0.6f, 1.1f, 0.75f, 0.88f, 0.52f};

/// Weights of nearly one magnitude may all be best on the lowest level, which is far from the other starts. Of 16 weights with a normal
/// distribution a twelfth of the groups looks so.
inline constexpr float kNearlyOneMagnitude = 0.7f;
/// Blocks in which a quarter of the groups are that even (never by chance) are searched as by `best`, with all scale codes and more
/// super-scales: one magnitude is a product of a level and a scale in many ways, and only some of them suit all groups.
inline constexpr float kEvenMagnitude = 0.85f;

/// Groups with a peak of so many root mean squares: few weights count, which may be best on low levels.
inline constexpr float kUnevenPeak = 4.0f;
inline constexpr std::array<float, 4> kUnevenStarts{1.0f, 1.4f, 2.0f, 3.0f};

/// How many times the error with real scales a block's may be before other super-scales are tried.
inline constexpr float kPoorFit = 2.0f;

/// fast: 2 starts (3 for iq3, and iq2_s, whose weights of nearly one magnitude need one more), 3 scale codes, one other flip (none for
/// iq2_xxs, where it brings 0.1 to 0.3 %). normal: one start and one flip more for iq3, else the same. best: 8 starts, 5 codes, two rounds of 3
/// more, all flips, and all this for 6 values of the super-scale. The scale that puts the largest weight on the last level is always tried
/// as well.
constexpr LatticeEffort lattice_effort(GridId id, Effort effort) noexcept {
  const bool fine = grid_elements(id) == 4;
  const std::span<const float> starts = fine ? kStarts3 : id == GridId::iq1s ? kStarts1 : kStarts2;
  if (effort == Effort::best) return {starts, 2, 2, 7, 6};
  const bool normal = effort == Effort::normal;
  if (fine) return {starts.first(normal ? 4 : 3), 1, 0, normal ? 2 : 1, 1};
  return {starts.first(id == GridId::iq2s ? 3 : 2), 1, 0, id == GridId::iq2xxs ? 0 : 1, 1};
}

}  // namespace pq::gguf_iq
