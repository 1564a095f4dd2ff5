// Takes rows through offset_search-inl.hpp: two rows at a time where a super-block has only 8 groups. Include rules as for
// codec/lanes-inl.hpp.

// clang-format off
#if defined(POLYQUANT_GGUF_K_OFFSET_ENCODE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_GGUF_K_OFFSET_ENCODE_INL_HPP
#undef POLYQUANT_GGUF_K_OFFSET_ENCODE_INL_HPP
#else
#define POLYQUANT_GGUF_K_OFFSET_ENCODE_INL_HPP
#endif
// clang-format on

#include "offset_search-inl.hpp"

#include <algorithm>

HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {

/// The super-blocks of a batch: group g is in the g / kPerSuper-th.
template <std::size_t kGroup, std::size_t kPerSuper>
struct SuperRows {
  const float* const* supers;
  std::size_t first_group;
  HWY_INLINE const float* operator[](std::size_t lane) const {
    const std::size_t g = first_group + lane;
    return supers[g / kPerSuper] + g % kPerSuper * kGroup;
  }
};

/// Importance of the super-blocks of a batch, and numbers that follow from it.
template <class Codec>
HWY_INLINE void prepare_weights(const float* const* supers, OffsetWeights<Codec::kGroup>& out) {
  constexpr std::size_t kGroup = Codec::kGroup, kPerSuper = group_count<Codec>();
  constexpr float kSmallest = 0x1p-40f;  // a column of no importance may move anywhere
  const F32 d;
  for (std::size_t c = 0; c < kChunks; ++c) {
    load_groups(SuperRows<kGroup, kPerSuper>{supers, c * kLanes}, kGroup, out.w.at[c]);
    VF total = hn::Zero(d);
    for (std::size_t i = 0; i < kGroup; ++i) total = hn::Add(total, hn::Load(d, out.w.at[c] + i * kLanes));
    out.total.store(c, total);
    const VF mean = hn::Mul(total, hn::Set(d, 1.0f / kGroup));
    for (std::size_t i = 0; i < kGroup; ++i) {
      const VF w = hn::Max(hn::Load(d, out.w.at[c] + i * kLanes), hn::Set(d, kSmallest));
      hn::Store(hn::Sqrt(hn::Div(mean, w)), d, out.reach.at[c] + i * kLanes);
    }
  }
}

/// Minima are subtracted, so groups of positive weights are badly served: super-blocks whose ranges (with 0, which is always part of one) are
/// smaller negated are searched so, and stored with d and dmin negative. If that makes no difference, the smaller minima decide.
template <class Codec>
HWY_INLINE void choose_signs(OffsetGroups<Codec>& groups) {
  constexpr std::size_t kPerSuper = group_count<Codec>();
  const F32 d;
  const VF zero = hn::Zero(d);
  GroupValues above, below;  // by how much a range grows to reach 0; minima
  GroupValues up, down;
  for (std::size_t c = 0; c < kChunks; ++c) {
    const VF low = groups.low.load(c), high = groups.high.load(c);
    above.store(c, hn::Max(low, zero));
    below.store(c, hn::Max(hn::Neg(high), zero));
    up.store(c, hn::Max(high, zero));
    down.store(c, hn::Max(hn::Neg(low), zero));
  }
  for (std::size_t h = 0; h < OffsetGroups<Codec>::kSupers; ++h) {
    const std::size_t first = h * kPerSuper;
    const auto sum = [&](const GroupValues& v) { return ordered_sum(v.at + first, kPerSuper); };
    const float grows = sum(above) - sum(below);
    groups.one_sided[h] = sum(above) + sum(below) > 0.0f;
    const bool negate = grows > 0.0f || (grows == 0.0f && sum(up) < sum(down));
    for (std::size_t g = first; g < first + kPerSuper; ++g) {
      groups.sign.at[g] = negate ? -1.0f : 1.0f;
      if (!negate) continue;
      const float low = groups.low.at[g];
      groups.low.at[g] = -groups.high.at[g];
      groups.high.at[g] = -low;
    }
  }
  for (std::size_t c = 0; c < kChunks; ++c) {
    const VF sign = groups.sign.load(c);
    for (std::size_t i = 0; i < Codec::kGroup; ++i) {
      float* x = groups.x.at[c] + i * kLanes;
      hn::Store(hn::Mul(hn::Load(d, x), sign), d, x);
    }
  }
}

/// Repeats alone may be copies: on a grid the smallest difference of neighbours is at least a step in every group.
template <class Codec>
HWY_NOINLINE void confirm_grids(OffsetGroups<Codec>& groups) {
  constexpr std::size_t kPerSuper = group_count<Codec>();
  const F32 d;
  const VF zero = hn::Zero(d), one = hn::Set(d, 1.0f);
  GroupValues finer;
  for (std::size_t c = 0; c < kChunks; ++c) {
    const VF range = hn::Sub(groups.high.load(c), groups.low.load(c));
    VF least = range, before = hn::Load(d, groups.x.at[c]);
    for (std::size_t i = 1; i < Codec::kGroup; ++i) {
      const VF x = hn::Load(d, groups.x.at[c] + i * kLanes), step = hn::Abs(hn::Sub(x, before));
      least = hn::IfThenElse(hn::Gt(step, zero), hn::Min(least, step), least);
      before = x;
    }
    const auto fine = hn::Lt(hn::Mul(least, hn::Set(d, kMostGridSteps)), range);
    finer.store(c, hn::IfThenElseZero(fine, one));
  }
  for (std::size_t h = 0; h < OffsetGroups<Codec>::kSupers; ++h)
    groups.on_grid[h] &= ordered_sum(finer.at + h * kPerSuper, kPerSuper) == 0.0f;
}

template <class Codec>
HWY_INLINE void load_supers(const float* const* supers, const OffsetWeights<Codec::kGroup>& weights,
                            OffsetGroups<Codec>& groups) {
  constexpr std::size_t kGroup = Codec::kGroup, kPerSuper = group_count<Codec>();
  const F32 d;
  groups.weights = &weights;
  for (std::size_t c = 0; c < kChunks; ++c) {
    const LaneRange range =
        load_weights(SuperRows<kGroup, kPerSuper>{supers, c * kLanes}, kGroup, groups.x.at[c]);
    groups.low.store(c, range.low);
    groups.high.store(c, range.high);
  }
  choose_signs(groups);
  for (std::size_t c = 0; c < kChunks; ++c) {
    const VF one = hn::Set(d, 1.0f);
    VF sum = hn::Zero(d), squares = sum, repeats = sum, before = hn::Load(d, groups.x.at[c]);
    for (std::size_t i = 0; i < kGroup; ++i) {
      const VF x = hn::Load(d, groups.x.at[c] + i * kLanes);
      const VF wx = hn::Mul(hn::Load(d, weights.w.at[c] + i * kLanes), x);
      sum = hn::Add(sum, wx);
      squares = hn::Add(squares, hn::Mul(wx, x));
      repeats = hn::Add(repeats, hn::IfThenElseZero(hn::Eq(x, before), one));
      before = x;
    }
    groups.sum.store(c, sum);
    groups.squares.store(c, squares);
    groups.repeats.store(c, repeats);
  }
  for (std::size_t h = 0; h < OffsetGroups<Codec>::kSupers; ++h) {
    const float repeats = ordered_sum(groups.repeats.at + h * kPerSuper, kPerSuper);
    groups.on_grid[h] = repeats >= kGridRepeats + kPerSuper;
    groups.sparse[h] = repeats >= kSparseRepeats;
  }
  if (HWY_UNLIKELY(groups.on_grid[0] || groups.on_grid[1])) confirm_grids(groups);
}

/// The nearest codes for the numbers chosen, in the order of the weights: kSupers times 256.
template <class Codec>
HWY_INLINE void choose_codes(const OffsetGroups<Codec>& groups, const OffsetChoice& choice,
                             std::int8_t* codes) {
  const F32 d;
  for (std::size_t c = 0; c < kChunks; ++c) {
    const VF inverse = inverses_or_zero(hn::Mul(choice.d.load(c), choice.scales.load(c)));
    const VF min = hn::Mul(choice.dmin.load(c), choice.mins.load(c));
    const auto code = [&](std::size_t i) HWY_ATTR {
      return nearest_codes(hn::Add(hn::Load(d, groups.x.at[c] + i * kLanes), min), inverse, hn::Zero(d),
                           hn::Set(d, Codec::kMaxCode));
    };
    store_codes<Codec::kGroup>(code, codes + c * kLanes * Codec::kGroup);
  }
}

template <class Codec>
HWY_INLINE void pack_choice(const OffsetChoice& choice, float sign, std::size_t first_group,
                            const std::int8_t* codes, std::byte* out) {
  SuperBlock block;
  block.d = sign * choice.d.at[first_group];
  block.dmin = sign * choice.dmin.at[first_group];
  for (std::size_t g = 0; g < group_count<Codec>(); ++g) {
    block.scales[g] = static_cast<std::int16_t>(choice.scales.at[first_group + g]);
    block.mins[g] = static_cast<std::int16_t>(choice.mins.at[first_group + g]);
  }
  std::memcpy(block.codes.data(), codes, kSuperWeights);
  typename Codec::Block packed;
  Codec::pack(block, packed);
  store(out, packed);
}

/// Super-blocks with 8 groups are searched in pairs: of two rows, which share the importance, or side by side in a single row.
template <class Codec>
void encode_offset_super(const SuperCall& call) {
  constexpr std::size_t kSupers = OffsetGroups<Codec>::kSupers, kPerSuper = OffsetGroups<Codec>::kPerSuper;
  OffsetWeights<Codec::kGroup> weights;
  OffsetGroups<Codec> groups;
  HWY_ALIGN std::int8_t codes[kSupers * kSuperWeights];
  const std::size_t per_row = static_cast<std::size_t>(call.rows.cols) / kSuperWeights;
  const std::size_t rows = static_cast<std::size_t>(call.rows.rows);
  const std::size_t below = rows > 1 ? 1 : 0, beside = 1 - below;  // from one of a pair to the other
  for (std::size_t s = 0; s < per_row; s += beside * (kSupers - 1) + 1) {
    std::size_t columns[kSupers];
    const float *importance[kSupers], *supers[kSupers];
    for (std::size_t h = 0; h < kSupers; ++h) {  // a last single one goes through twice
      columns[h] = HWY_MIN(s + h * beside, per_row - 1);
      importance[h] = call.importance.data() + columns[h] * kSuperWeights;
    }
    prepare_weights<Codec>(importance, weights);
    for (std::size_t r = 0; r < rows; r += kSupers) {
      std::size_t row[kSupers];
      for (std::size_t h = 0; h < kSupers; ++h) {
        row[h] = HWY_MIN(r + h * below, rows - 1);
        supers[h] = call.rows.row(static_cast<std::int64_t>(row[h])).data() + columns[h] * kSuperWeights;
      }
      load_supers(supers, weights, groups);
      const OffsetChoice choice = search_super(groups, call.effort);
      choose_codes(groups, choice, codes);
      for (std::size_t h = 0; h < kSupers; ++h)
        pack_choice<Codec>(choice, groups.sign.at[h * kPerSuper], h * kPerSuper, codes + h * kSuperWeights,
                           call.out + (row[h] * per_row + columns[h]) * sizeof(typename Codec::Block));
    }
  }
}

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
