// Search for super-blocks with minima (q4_k, q5_k, q2_k): w = d * scale * code - dmin * min, integers per group.
//
//   1. For each group a few real lattices: the ends of its range moved inwards, unimportant weights more; refitted.
//   2. d, dmin: the largest scale and minimum of the super-block get the largest codes.
//   3. For each group all pairs of integer scales and minima around its lattice, scored with the values that they decode to. The middle of
//      the range stays where it is while the scale changes.
//   4. d and dmin refitted to the codes found, all neighbouring pairs again; kept if the error falls.
//
// Super-blocks that are left with an unusual error get more: offset_search-inl.hpp.

// clang-format off
#if defined(POLYQUANT_GGUF_K_OFFSET_SUPER_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_GGUF_K_OFFSET_SUPER_INL_HPP
#undef POLYQUANT_GGUF_K_OFFSET_SUPER_INL_HPP
#else
#define POLYQUANT_GGUF_K_OFFSET_SUPER_INL_HPP
#endif
// clang-format on

#include "offset_lattices-inl.hpp"
#include "scale_super.hpp"

HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {

/// Step 3.
template <class Codec>
HWY_INLINE void choose_pairs(const OffsetGroups<Codec>& groups, const GroupLattices& found,
                             const OffsetSearch& search, OffsetChoice& choice) {
  const F32 d;
  const VF one = hn::Set(d, 1.0f), most = hn::Set(d, Codec::kMaxScale),
           half = hn::Set(d, Codec::kMaxCode * 0.5f);
  for (std::size_t c = 0; c < kChunks; ++c) {
    const VF factor = choice.d.load(c), dmin = choice.dmin.load(c);
    PairSearch best = constant_groups(groups, c, factor, dmin);
    const VF real_scale = found.scale.load(c), real_offset = found.offset.load(c);
    const VF center = hn::Round(hn::Mul(real_scale, inverses_or_zero(factor))),
             inverse_dmin = inverses_or_zero(dmin);
    for (int a = -search.scales; a <= search.scales; ++a) {
      const VF scale = hn::Min(hn::Max(hn::Add(center, hn::Set(d, static_cast<float>(a))), one), most);
      const VF offset = hn::Add(real_offset, hn::Mul(hn::Sub(real_scale, hn::Mul(factor, scale)), half));
      const VF middle = hn::Round(hn::Mul(hn::Neg(offset), inverse_dmin));
      try_mins(groups, c, scale, middle, search.mins, best);
    }
    choice.scales.store(c, best.scale);
    choice.mins.store(c, best.min);
    choice.errors.store(c, best.error);
  }
}

/// The sums of a super-block that its best factors follow from.
struct FactorSums {
  GroupValues a, b, c, p, r;
};

template <class Codec>
HWY_INLINE void factor_sums(const OffsetGroups<Codec>& groups, const OffsetChoice& choice, FactorSums& sums) {
  for (std::size_t c = 0; c < kChunks; ++c) {
    const VF scale = choice.scales.load(c), min = choice.mins.load(c);
    const VF inverse = inverses_or_zero(hn::Mul(choice.d.load(c), scale));
    const OffsetSums s = code_sums<Codec>(groups.x.at[c], groups.weights->w.at[c], inverse,
                                          hn::Mul(hn::Mul(choice.dmin.load(c), min), inverse));
    sums.a.store(c, hn::Mul(hn::Mul(scale, scale), s.qq));
    sums.b.store(c, hn::Mul(hn::Mul(scale, min), s.q));
    sums.c.store(c, hn::Mul(hn::Mul(min, min), groups.weights->total.load(c)));
    sums.p.store(c, hn::Mul(scale, s.xq));
    sums.r.store(c, hn::Mul(min, groups.sum.load(c)));
  }
}

template <std::size_t kPerSuper>
HWY_INLINE void set_factors(OffsetChoice& choice, std::size_t super, float d, float dmin) {
  for (std::size_t g = super * kPerSuper; g < (super + 1) * kPerSuper; ++g) {
    choice.d.at[g] = d;
    choice.dmin.at[g] = dmin;
  }
}

/// Step 4: least squares for d and dmin, then all pairs next to the present ones.
template <class Codec>
HWY_INLINE void refit(const OffsetGroups<Codec>& groups, OffsetChoice& choice) {
  constexpr std::size_t kPerSuper = OffsetGroups<Codec>::kPerSuper;
  const F32 f;
  FactorSums sums;
  factor_sums(groups, choice, sums);
  for (std::size_t h = 0; h < OffsetGroups<Codec>::kSupers; ++h) {
    const auto sum = [&](const GroupValues& v) { return ordered_sum(v.at + h * kPerSuper, kPerSuper); };
    const float a = sum(sums.a), b = sum(sums.b), c = sum(sums.c), p = sum(sums.p), r = sum(sums.r);
    const float determinant = a * c - b * b;
    if (determinant > 1e-6f * (a * c))
      set_factors<kPerSuper>(choice, h, nonzero_f16((p * c - r * b) / determinant),
                             nonzero_f16((p * b - r * a) / determinant));
    else if (c == 0.0f && a > 0.0f)
      set_factors<kPerSuper>(choice, h, nonzero_f16(p / a), choice.dmin.at[h * kPerSuper]);
    else if (a == 0.0f && c > 0.0f)
      set_factors<kPerSuper>(choice, h, choice.d.at[h * kPerSuper], nonzero_f16(-r / c));
  }
  const VF one = hn::Set(f, 1.0f), most = hn::Set(f, Codec::kMaxScale);
  for (std::size_t c = 0; c < kChunks; ++c) {
    PairSearch best = constant_groups(groups, c, choice.d.load(c), choice.dmin.load(c));
    const VF scale = choice.scales.load(c), min = choice.mins.load(c);
    for (int a = -1; a <= 1; ++a)
      try_mins(groups, c, hn::Min(hn::Max(hn::Add(scale, hn::Set(f, static_cast<float>(a))), one), most), min,
               1, best);
    choice.scales.store(c, best.scale);
    choice.mins.store(c, best.min);
    choice.errors.store(c, best.error);
  }
}

/// The best so far for each super-block of a batch. What happens to one does not depend on the others: `open` says which may change.
struct OffsetBest {
  OffsetChoice choice;
  float error[2];
  bool open[2];
};

/// Numbers for scales and for minima.
struct Factors {
  float scale = 0, min = 0;
};

/// Takes over the super-blocks in which `choice` is better.
template <class Codec>
HWY_INLINE void keep_better(const OffsetChoice& choice, OffsetBest& best) {
  constexpr std::size_t kPerSuper = OffsetGroups<Codec>::kPerSuper;
  for (std::size_t h = 0; h < OffsetGroups<Codec>::kSupers; ++h) {
    const float error = ordered_sum(choice.errors.at + h * kPerSuper, kPerSuper);
    if (!best.open[h] || !(error < best.error[h])) continue;
    best.error[h] = error;
    for (std::size_t g = h * kPerSuper; g < (h + 1) * kPerSuper; ++g) {
      best.choice.d.at[g] = choice.d.at[g];
      best.choice.dmin.at[g] = choice.dmin.at[g];
      best.choice.scales.at[g] = choice.scales.at[g];
      best.choice.mins.at[g] = choice.mins.at[g];
      best.choice.errors.at[g] = choice.errors.at[g];
    }
  }
}

/// Steps 3 and 4 for the factors that `choice` has.
template <class Codec>
HWY_INLINE void search_pairs(const OffsetGroups<Codec>& groups, const GroupLattices& found,
                             const OffsetSearch& search, OffsetChoice& choice, OffsetBest& best) {
  choose_pairs(groups, found, search, choice);
  for (int round = 0;; ++round) {
    keep_better<Codec>(choice, best);
    if (round == search.refits) return;
    refit(groups, choice);
  }
}

/// The largest scale and minimum of a super-block's groups; of those with scales up to `limit`.
template <std::size_t kPerSuper>
HWY_INLINE Factors largest_factors(const GroupLattices& found, std::size_t super, float limit) {
  Factors largest;
  for (std::size_t g = super * kPerSuper; g < (super + 1) * kPerSuper; ++g) {
    if (found.scale.at[g] > limit) continue;
    largest.scale = HWY_MAX(largest.scale, found.scale.at[g]);
    largest.min = HWY_MAX(largest.min, -found.offset.at[g]);
  }
  return largest;
}

/// Steps 2 to 4 for one pair of stretches.
template <class Codec>
HWY_INLINE void search_factors(const OffsetGroups<Codec>& groups, const GroupLattices& found, Factors stretch,
                               const OffsetSearch& search, OffsetBest& best) {
  constexpr std::size_t kPerSuper = OffsetGroups<Codec>::kPerSuper;
  OffsetChoice choice;
  for (std::size_t h = 0; h < OffsetGroups<Codec>::kSupers; ++h) {
    const Factors largest = largest_factors<kPerSuper>(found, h, HUGE_VALF);
    set_factors<kPerSuper>(choice, h,
                           nonzero_f16(largest.scale * stretch.scale / static_cast<float>(Codec::kMaxScale)),
                           nonzero_f16(largest.min * stretch.min / static_cast<float>(Codec::kMaxMin)));
  }
  search_pairs(groups, found, search, choice, best);
}

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
