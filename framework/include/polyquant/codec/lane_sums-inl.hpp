// Sums of a group whose elements lie side by side: kept in 16 lanes whatever the width of a register, and added in halves, so that all
// instruction sets give the same. Include rules as for lanes-inl.hpp.

// clang-format off
#if defined(POLYQUANT_CODEC_LANE_SUMS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_CODEC_LANE_SUMS_INL_HPP
#undef POLYQUANT_CODEC_LANE_SUMS_INL_HPP
#else
#define POLYQUANT_CODEC_LANE_SUMS_INL_HPP
#endif
// clang-format on

#include <polyquant/codec/lanes-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace pq::HWY_NAMESPACE {

/// 16 lanes are so many vectors.
constexpr std::size_t kSumParts = 16 / kLanes;

#if HWY_TARGET != HWY_SCALAR
template <class D>
HWY_INLINE float sum_in_halves(D d, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(d) == 4) {
    v = hn::Add(v, hn::Shuffle1032(v));
    return hn::GetLane(hn::Add(v, hn::Shuffle2301(v)));
  } else {
    const hn::Half<D> half;
    return sum_in_halves(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}
#endif

/// Lanes 0..7 plus lanes 8..15, then 0..3 plus 4..7, and so on.
HWY_INLINE float sum_of_lanes(const VF (&parts)[kSumParts]) {
  VF sums[kSumParts];
  for (std::size_t i = 0; i < kSumParts; ++i) sums[i] = parts[i];
  for (std::size_t count = kSumParts / 2; count > 0; count /= 2)
    for (std::size_t i = 0; i < count; ++i) sums[i] = hn::Add(sums[i], sums[i + count]);
#if HWY_TARGET == HWY_SCALAR
  return hn::GetLane(sums[0]);
#else
  return sum_in_halves(F32(), sums[0]);
#endif
}

}  // namespace pq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
