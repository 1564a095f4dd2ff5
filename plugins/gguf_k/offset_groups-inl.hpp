// Groups of super-blocks with minima, and the errors of pairs of scale and minimum (step 3 of offset_super-inl.hpp).
// Include rules as for codec/lanes-inl.hpp.

// clang-format off
#if defined(POLYQUANT_GGUF_K_OFFSET_GROUPS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_GGUF_K_OFFSET_GROUPS_INL_HPP
#undef POLYQUANT_GGUF_K_OFFSET_GROUPS_INL_HPP
#else
#define POLYQUANT_GGUF_K_OFFSET_GROUPS_INL_HPP
#endif
// clang-format on

#include "offset_super.hpp"
#include "super_lanes-inl.hpp"

#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {

/// What all rows share in 256 columns.
template <std::size_t kGroup>
struct OffsetWeights {
  ElementMajor<kGroup> w;
  ElementMajor<kGroup> reach;  // sqrt(mean(w) / w): how far a weight may move when the range is cut
  GroupValues total;           // sum w
};

/// 16 groups on their way through the search: one super-block or two.
template <class Codec>
struct OffsetGroups {
  static constexpr std::size_t kGroup = Codec::kGroup;
  static constexpr std::size_t kPerSuper = group_count<Codec>();
  static constexpr std::size_t kSupers = kBatchGroups / kPerSuper;
  ElementMajor<kGroup> x;
  const OffsetWeights<kGroup>* weights;
  GroupValues low, high;
  GroupValues sum, squares;  // sum w x, sum w x^2
  GroupValues sign;          // -1: the super-block is searched and stored negated, see choose_signs()
  GroupValues repeats;       // weights that equal the one before
  bool on_grid[2] = {};      // super-blocks with so many of these that they seem to lie on a grid themselves
  bool sparse[2] = {};       // most weights equal the one before
  bool one_sided[2] = {};    // super-blocks with groups that do not reach 0
};

struct Lattice {
  VF scale, offset;  // offset <= 0
};
/// The real lattices found in step 1.
struct GroupLattices {
  GroupValues scale, offset;
  GroupValues error;  // with real scales and offsets: what integers for them have to be measured by
};

struct OffsetChoice {
  GroupValues d, dmin;  // the factors of each group's super-block
  GroupValues scales, mins, errors;
};

struct OffsetSums {
  VF q, qq, xq;  // sum w q, sum w q^2, sum w x q
};

template <class Codec>
HWY_INLINE OffsetSums code_sums(const float* x, const float* w, VF inverse, VF shift) {
  const F32 d;
  const VF lowest = hn::Zero(d), highest = hn::Set(d, Codec::kMaxCode);
  OffsetSums sums{lowest, lowest, lowest};
  for (std::size_t i = 0; i < Codec::kGroup; ++i) {
    const VF xi = hn::Load(d, x + i * kLanes), wi = hn::Load(d, w + i * kLanes);
    const VF q = hn::Min(hn::Max(hn::Round(hn::Add(hn::Mul(xi, inverse), shift)), lowest), highest);
    const VF wq = hn::Mul(wi, q);
    sums.q = hn::Add(sums.q, wq);
    sums.qq = hn::Add(sums.qq, hn::Mul(wq, q));
    sums.xq = hn::Add(sums.xq, hn::Mul(wq, xi));
  }
  return sums;
}

/// A group with codes at hand: what is tried, and the best so far.
struct PairSearch {
  VF d, dmin;
  VF scale, min, error;
};

/// Tries one scale code with the codes of the minimum middle - mins .. middle + mins.
template <class Codec>
HWY_INLINE void try_mins(const OffsetGroups<Codec>& groups, std::size_t c, VF scale, VF middle, int mins,
                         PairSearch& best) {
  const F32 d;
  constexpr std::size_t kCount = 5;
  const VF lowest = hn::Zero(d), highest = hn::Set(d, Codec::kMaxCode);
  const VF value = hn::Mul(best.d, scale), inverse = inverses_or_zero(value), square = hn::Mul(value, value);
  for (int begin = -mins; begin <= mins; begin += static_cast<int>(kCount)) {
    const std::size_t count = static_cast<std::size_t>(HWY_MIN(mins - begin + 1, static_cast<int>(kCount)));
    VF min[kCount], shift[kCount], error[kCount];
    for (std::size_t k = 0; k < kCount; ++k) {
      const float step = static_cast<float>(begin + static_cast<int>(HWY_MIN(k, count - 1)));
      min[k] = hn::Min(hn::Max(hn::Add(middle, hn::Set(d, step)), lowest), hn::Set(d, Codec::kMaxMin));
      shift[k] = hn::Mul(hn::Mul(best.dmin, min[k]), inverse);
      error[k] = lowest;
    }
    const auto pass = [&](auto tried) HWY_ATTR {
      for (std::size_t i = 0; i < Codec::kGroup; ++i) {
        const VF v = hn::Mul(hn::Load(d, groups.x.at[c] + i * kLanes), inverse);
        const VF wi = hn::Load(d, groups.weights->w.at[c] + i * kLanes);
        for (std::size_t k = 0; k < decltype(tried)::value; ++k) {
          const VF u = hn::Add(v, shift[k]);
          const VF r = hn::Sub(u, hn::Min(hn::Max(hn::Round(u), lowest), highest));
          error[k] = hn::Add(error[k], hn::Mul(hn::Mul(wi, r), r));
        }
      }
    };
    if (count == 3)
      pass(std::integral_constant<std::size_t, 3>());
    else
      pass(std::integral_constant<std::size_t, kCount>());
    for (std::size_t k = 0; k < count; ++k) {
      error[k] = hn::Mul(error[k], square);
      const auto better = hn::And(hn::Ne(value, lowest), hn::Lt(error[k], best.error));
      best.error = hn::IfThenElse(better, error[k], best.error);
      best.scale = hn::IfThenElse(better, scale, best.scale);
      best.min = hn::IfThenElse(better, min[k], best.min);
    }
  }
}

/// A group stored as one number: scale code 0.
template <class Codec>
HWY_INLINE PairSearch constant_groups(const OffsetGroups<Codec>& groups, std::size_t c, VF factor, VF dmin) {
  const F32 d;
  const VF zero = hn::Zero(d), sum = groups.sum.load(c), total = groups.weights->total.load(c);
  const VF mean = hn::Neg(divide_or_zero(sum, total));
  const VF min =
      hn::Min(hn::Max(hn::Round(hn::Mul(mean, inverses_or_zero(dmin))), zero), hn::Set(d, Codec::kMaxMin));
  const VF m = hn::Mul(dmin, min);
  VF error = zero;
  for (std::size_t i = 0; i < Codec::kGroup; ++i) {
    const VF r = hn::Add(hn::Load(d, groups.x.at[c] + i * kLanes), m);
    error = hn::Add(error, hn::Mul(hn::Mul(hn::Load(d, groups.weights->w.at[c] + i * kLanes), r), r));
  }
  return {factor, dmin, zero, min, error};
}

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
