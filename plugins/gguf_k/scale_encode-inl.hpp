// Takes rows through scale_super-inl.hpp. Include rules as for codec/lanes-inl.hpp.

// clang-format off
#if defined(POLYQUANT_GGUF_K_SCALE_ENCODE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_GGUF_K_SCALE_ENCODE_INL_HPP
#undef POLYQUANT_GGUF_K_SCALE_ENCODE_INL_HPP
#else
#define POLYQUANT_GGUF_K_SCALE_ENCODE_INL_HPP
#endif
// clang-format on

#include "scale_super-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {

/// Loads a super-block. Its weights are finite afterwards.
template <class Codec>
HWY_INLINE void load_super(const float* weights, const ElementMajor<Codec::kGroup>& w,
                           ScaleGroups<Codec>& groups) {
  const F32 d;
  constexpr std::size_t kGroup = Codec::kGroup;
  groups.w = &w;
  const VF zero = hn::Zero(d), one = hn::Set(d, 1.0f);
  GroupValues repeats;
  auto two_sided = hn::Ne(zero, zero);
  for (std::size_t c = 0; c < kChunks; ++c) {
    const LaneRange range =
        load_weights(Consecutive<kGroup>{weights + c * kLanes * kGroup}, kGroup, groups.x.at[c]);
    groups.peak.store(c, range.peak());
    two_sided = hn::Or(two_sided, hn::And(hn::Lt(range.low, zero), hn::Gt(range.high, zero)));
    VF squares = zero, total = zero, equal = zero, before = hn::Load(d, groups.x.at[c]);
    for (std::size_t i = 0; i < kGroup; ++i) {
      const VF x = hn::Load(d, groups.x.at[c] + i * kLanes), wi = hn::Load(d, w.at[c] + i * kLanes);
      squares = hn::Add(squares, hn::Mul(hn::Mul(wi, x), x));
      total = hn::Add(total, wi);
      equal = hn::Add(equal, hn::IfThenElseZero(hn::Eq(x, before), one));
      before = x;
    }
    repeats.store(c, equal);
    groups.squares.store(c, squares);
    groups.total.store(c, total);
  }
  groups.one_sided = hn::AllFalse(d, two_sided);
  groups.on_grid = ordered_sum(repeats.at, kBatchGroups) >= kGridRepeats + kBatchGroups;
}

template <class Codec>
void encode_scale_super(const SuperCall& call) {
  using Block = typename Codec::Block;
  constexpr std::size_t kGroup = Codec::kGroup;
  const F32 d;
  ScaleGroups<Codec> groups;
  ElementMajor<kGroup> w;
  SuperBlock block;
  const std::size_t per_row = static_cast<std::size_t>(call.rows.cols) / kSuperWeights;
  // Column blocks outside, rows inside: the importance is transposed once for all rows.
  for (std::size_t s = 0; s < per_row; ++s) {
    for (std::size_t c = 0; c < kChunks; ++c)
      load_groups(Consecutive<kGroup>{call.importance.data() + s * kSuperWeights + c * kLanes * kGroup},
                  kGroup, w.at[c]);
    for (std::int64_t r = 0; r < call.rows.rows; ++r) {
      load_super<Codec>(call.rows.data + r * call.rows.stride + static_cast<std::int64_t>(s * kSuperWeights),
                        w, groups);
      const ScaleChoice choice = search_super(groups, call.effort);
      block.d = choice.d;
      for (std::size_t g = 0; g < kBatchGroups; ++g)
        block.scales[g] = static_cast<std::int16_t>(choice.scales.at[g]);
      const VF lowest = hn::Set(d, Codec::kMinCode), highest = hn::Set(d, Codec::kMaxCode);
      for (std::size_t c = 0; c < kChunks; ++c) {
        const VF inverse = inverses_or_zero(hn::Mul(choice.scales.load(c), hn::Set(d, choice.d)));
        const auto codes = [&](std::size_t i) HWY_ATTR {
          return nearest_codes(hn::Load(d, groups.x.at[c] + i * kLanes), inverse, lowest, highest);
        };
        store_codes<kGroup>(codes, block.codes.data() + c * kLanes * kGroup);
      }
      Block packed;
      Codec::pack(block, packed);
      store(call.out + (static_cast<std::size_t>(r) * per_row + s) * sizeof(Block), packed);
    }
  }
}

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
