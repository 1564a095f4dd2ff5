// The whole search for super-blocks with minima: offset_super-inl.hpp, and more where that may fail. Include rules as for codec/lanes-inl.hpp.

// clang-format off
#if defined(POLYQUANT_GGUF_K_OFFSET_SEARCH_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_GGUF_K_OFFSET_SEARCH_INL_HPP
#undef POLYQUANT_GGUF_K_OFFSET_SEARCH_INL_HPP
#else
#define POLYQUANT_GGUF_K_OFFSET_SEARCH_INL_HPP
#endif
// clang-format on

#include "offset_super-inl.hpp"

#include <algorithm>
#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {

/// Where a few groups have scales so large that the others are stored badly: d and dmin from smaller and smaller groups. All are looked at
/// roughly, the best ones in full.
template <class Codec>
HWY_NOINLINE void search_smaller_factors(const OffsetGroups<Codec>& groups, const GroupLattices& found,
                                         const OffsetSearch& search, OffsetBest& best) {
  constexpr std::size_t kSupers = OffsetGroups<Codec>::kSupers, kPerSuper = OffsetGroups<Codec>::kPerSuper;
  constexpr float kNext = 0.8f;  // what is nearer has been tried with all scale codes around
  OffsetSearch quick = search;
  quick.scales = quick.mins = 1;
  quick.refits = 0;
  OffsetBest rough{};
  float limit[kSupers];
  for (std::size_t h = 0; h < kSupers; ++h) {
    rough.open[h] = best.open[h];
    rough.error[h] = limit[h] = HUGE_VALF;
    set_factors<kPerSuper>(rough.choice, h, 0.0f, 0.0f);
  }
  for (std::size_t round = 0; round < kPerSuper; ++round) {
    OffsetChoice same_d, choice;
    for (std::size_t h = 0; h < kSupers; ++h) {
      const Factors all = largest_factors<kPerSuper>(found, h, HUGE_VALF),
                    largest = largest_factors<kPerSuper>(found, h, limit[h]);
      limit[h] = kNext * largest.scale;
      const float stretch = search.stretches[0], d = nonzero_f16(largest.scale * stretch / Codec::kMaxScale),
                  dmin = nonzero_f16(largest.min * stretch / Codec::kMaxMin);
      set_factors<kPerSuper>(choice, h, d, dmin);
      set_factors<kPerSuper>(same_d, h, nonzero_f16(all.scale * stretch / Codec::kMaxScale), dmin);
    }
    if (round > 0) search_pairs(groups, found, quick, choice, rough);
    search_pairs(groups, found, quick, same_d, rough);
  }
  search_pairs(groups, found, search, rough.choice, best);
}

/// The f16 number of which a multiple lowest..highest comes nearest to `value`.
inline float best_divisor(float value, int lowest, int highest) {
  float best = 0, least = HUGE_VALF;
  for (int k = highest; k >= lowest; --k) {
    const float factor = nonzero_f16(value / static_cast<float>(k));
    const float miss = std::abs(factor * static_cast<float>(k) - value);
    if (!(miss < least)) continue;
    least = miss;
    best = factor;
  }
  return best;
}

/// For weights that are multiples of one number in the whole super-block: that number is a multiple of d and of dmin, or the largest minimum
/// is one of dmin.
template <class Codec>
HWY_NOINLINE void search_common_step(const OffsetGroups<Codec>& groups, const GroupLattices& found,
                                     const OffsetSearch& search, OffsetBest& best) {
  constexpr std::size_t kPerSuper = OffsetGroups<Codec>::kPerSuper;
  OffsetChoice multiples, any_minimum;
  GroupLattices common;
  for (std::size_t h = 0; h < OffsetGroups<Codec>::kSupers; ++h) {
    const std::size_t first = h * kPerSuper;
    const Factors largest = largest_factors<kPerSuper>(found, h, HUGE_VALF);
    float most = 1;
    for (std::size_t g = first; g < first + kPerSuper; ++g) {
      const float steps = round_even(HWY_MAX(-groups.low.at[g], 0.0f) * inverse_or_zero(largest.scale));
      most = HWY_MAX(most, steps);
      common.scale.at[g] = largest.scale;
      common.offset.at[g] = -steps * largest.scale;
    }
    const int room = HWY_MAX(1, static_cast<int>(Codec::kMaxMin / HWY_MIN(most, 1.0f * Codec::kMaxMin)));
    const float d = best_divisor(largest.scale, Codec::kMaxScale / 2 + 1, Codec::kMaxScale);
    set_factors<kPerSuper>(multiples, h, d, best_divisor(largest.scale, room / 2 + 1, room));
    set_factors<kPerSuper>(any_minimum, h, d,
                           best_divisor(largest.min, Codec::kMaxMin / 2 + 1, Codec::kMaxMin));
  }
  search_pairs(groups, common, search, multiples, best);
  search_pairs(groups, found, search, any_minimum, best);
}

/// As for super-blocks without minima: a look at many d and dmin where only their rounding is left to gain.
template <class Codec>
HWY_NOINLINE void search_exact_fit(const OffsetGroups<Codec>& groups, const GroupLattices& found,
                                   const OffsetSearch& search, OffsetBest& best) {
  for (int code = Codec::kMaxScale; code >= Codec::kMaxScale / 8 && code > 0; code -= 1 + code / 32) {
    const float stretch = static_cast<float>(Codec::kMaxScale) / static_cast<float>(code);
    search_factors(groups, found, {stretch, stretch}, search, best);
  }
}

/// All that `search` says, for the super-blocks of `wanted`.
template <class Codec>
HWY_INLINE void search_all(const OffsetGroups<Codec>& groups, const OffsetSearch& search,
                           const bool (&wanted)[2], OffsetBest& best) {
  constexpr std::size_t kSupers = OffsetGroups<Codec>::kSupers, kPerSuper = OffsetGroups<Codec>::kPerSuper;
  GroupLattices found;
  find_lattices(groups, search, found);
  float squares[2], possible[2];
  for (std::size_t h = 0; h < kSupers; ++h) {
    squares[h] = ordered_sum(groups.squares.at + h * kPerSuper, kPerSuper);
    possible[h] = ordered_sum(found.error.at + h * kPerSuper, kPerSuper);
    best.open[h] = wanted[h];
  }
  const auto reopen = [&](const auto& needed) {
    bool any = false;
    for (std::size_t h = 0; h < kSupers; ++h) any |= best.open[h] = wanted[h] && needed(h);
    return any;
  };
  for (const float stretch_scale : search.stretches)
    for (const float stretch_min : search.stretches)
      search_factors(groups, found, {stretch_scale, stretch_min}, search, best);
  if (HWY_UNLIKELY(reopen([&](std::size_t h) { return groups.on_grid[h]; })))
    search_common_step(groups, found, search, best);
  if (HWY_UNLIKELY(reopen([&](std::size_t h) {
        return best.error[h] > squares[h] * kSuperBestFit && best.error[h] > possible[h] * kSuperPoorFit;
      })))
    search_smaller_factors(groups, found, search, best);
  if (HWY_UNLIKELY(reopen([&](std::size_t h) {
        return best.error[h] > squares[h] * kSuperBestFit &&
               best.error[h] <= squares[h] * kSuperExactFit<Codec> &&
               (groups.one_sided[h] || misses_grid(best.error[h], possible[h], squares[h]));
      })))
    search_exact_fit(groups, found, search, best);
}

/// A group that holds nearly all of a super-block.
template <std::size_t kPerSuper>
HWY_INLINE bool is_dominated(const GroupValues& values, std::size_t super) {
  const float* first = values.at + super * kPerSuper;
  return *std::max_element(first, first + kPerSuper) >= kDominant * ordered_sum(first, kPerSuper);
}

/// Super-blocks that are mostly zero are searched as by `best`. Where the error is that of one group, so of one lattice, many are tried.
template <class Codec>
HWY_INLINE void search_unusual(const OffsetGroups<Codec>& groups, const float (&squares)[2],
                               OffsetBest& best) {
  constexpr std::size_t kPerSuper = OffsetGroups<Codec>::kPerSuper;
  bool sparse[2] = {false, false}, dominated[2] = {false, false};
  for (std::size_t h = 0; h < OffsetGroups<Codec>::kSupers; ++h) {
    if (!(best.error[h] > squares[h] * kSuperBestFit)) continue;
    sparse[h] = groups.sparse[h];
    dominated[h] =
        is_dominated<kPerSuper>(groups.squares, h) && is_dominated<kPerSuper>(best.choice.errors, h);
  }
  if (HWY_UNLIKELY(sparse[0] || sparse[1])) search_all(groups, Codec::search(Effort::best), sparse, best);
  if (HWY_LIKELY(!dominated[0] && !dominated[1])) return;
  OffsetSearch search = Codec::search(Effort::best);
  search.cuts = kManyCuts;
  search.ends = kManyEnds;
  search_all(groups, search, dominated, best);
}

/// `best` begins with all that `normal` does, in the same order, so that it is never worse; `fast` includes it for super-blocks on which it
/// may fail.
template <class Codec>
HWY_INLINE OffsetChoice search_super(const OffsetGroups<Codec>& groups, Effort effort) {
  constexpr std::size_t kPerSuper = OffsetGroups<Codec>::kPerSuper;
  constexpr bool kAll[2] = {true, true};
  OffsetBest best;
  const F32 d;
  for (std::size_t c = 0; c < kChunks; ++c) {  // all zeros
    for (GroupValues* values : {&best.choice.d, &best.choice.dmin, &best.choice.scales, &best.choice.mins})
      values->store(c, hn::Zero(d));
    best.choice.errors.store(c, groups.squares.load(c));
  }
  bool unusual[2] = {false, false};
  float squares[2] = {0, 0};
  for (std::size_t h = 0; h < OffsetGroups<Codec>::kSupers; ++h) {
    best.error[h] = squares[h] = ordered_sum(groups.squares.at + h * kPerSuper, kPerSuper);
    unusual[h] = effort == Effort::fast && (groups.on_grid[h] || groups.one_sided[h]);
  }
  search_all(groups, Codec::search(effort == Effort::best ? Effort::normal : effort), kAll, best);
  if (HWY_UNLIKELY(unusual[0] || unusual[1]))
    search_all(groups, Codec::search(Effort::normal), unusual, best);
  search_unusual(groups, squares, best);
  if (effort == Effort::best) search_all(groups, Codec::search(Effort::best), kAll, best);
  return best.choice;
}

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
