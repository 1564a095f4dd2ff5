// Tools of encoders that put one group of weights into each SIMD lane (Google Highway; compiled once per instruction set). Element i of all
// groups is one vector: no sums across lanes, no branches, and the same operations in the same order for every vector width, so all
// instruction sets give the same bytes. Only for .cpp files of plugins that link hwy::hwy; include after hwy/highway.h inside
// foreach_target.h's loop.

// clang-format off
#if defined(POLYQUANT_CODEC_LANES_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_CODEC_LANES_INL_HPP
#undef POLYQUANT_CODEC_LANES_INL_HPP
#else
#define POLYQUANT_CODEC_LANES_INL_HPP
#endif
// clang-format on

#include <polyquant/codec/rounding.hpp>

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace pq::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// f32 lanes: 4, 8 or 16; 1 where Highway has no SIMD.
using F32 = hn::CappedTag<float, 16>;
using I32 = hn::Rebind<std::int32_t, F32>;
using U32 = hn::Rebind<std::uint32_t, F32>;
using VF = hn::Vec<F32>;
using VI = hn::Vec<I32>;
using VU = hn::Vec<U32>;
constexpr std::size_t kLanes = hn::MaxLanes(F32());
static_assert(kLanes == 1 || kLanes == 4 || kLanes == 8 || kLanes == 16,
              "lanes are loaded and stored in 128-bit pieces");

/// Where the groups of the lanes lie: one after the other.
template <std::size_t kStep>
struct Consecutive {
  const float* first;
  HWY_INLINE const float* operator[](std::size_t lane) const { return first + lane * kStep; }
};

#if HWY_TARGET != HWY_SCALAR
/// Four f32 at `offset` of the groups k, k + 4, ...: one group per 128-bit piece of the vector.
template <class Groups>
HWY_INLINE VF load_pieces(Groups groups, std::size_t k, std::size_t offset) {
  const F32 d;
  if constexpr (kLanes == 4) {
    return hn::LoadU(d, groups[k] + offset);
  } else {
    const hn::Half<F32> half;
    if constexpr (kLanes == 8) {
      return hn::Combine(d, hn::LoadU(half, groups[k + 4] + offset), hn::LoadU(half, groups[k] + offset));
    } else {
      const hn::Half<decltype(half)> quarter;
      const auto low = hn::Combine(half, hn::LoadU(quarter, groups[k + 4] + offset),
                                   hn::LoadU(quarter, groups[k] + offset));
      const auto high = hn::Combine(half, hn::LoadU(quarter, groups[k + 12] + offset),
                                    hn::LoadU(quarter, groups[k + 8] + offset));
      return hn::Combine(d, high, low);
    }
  }
}

/// The inverse of load_pieces() for blocks of kStep bytes that follow each other.
template <std::size_t kStep>
HWY_INLINE void store_pieces(VU v, std::byte* blocks, std::size_t k, std::size_t offset) {
  const auto at = [&](std::size_t lane)
                      HWY_ATTR { return reinterpret_cast<std::uint8_t*>(blocks + lane * kStep + offset); };
  const auto bytes = hn::BitCast(hn::Repartition<std::uint8_t, U32>(), v);
  if constexpr (kLanes == 4) {
    hn::StoreU(bytes, hn::Repartition<std::uint8_t, U32>(), at(k));
  } else {
    const hn::Half<hn::Repartition<std::uint8_t, U32>> half;
    if constexpr (kLanes == 8) {
      hn::StoreU(hn::LowerHalf(half, bytes), half, at(k));
      hn::StoreU(hn::UpperHalf(half, bytes), half, at(k + 4));
    } else {
      const hn::Half<decltype(half)> quarter;
      const auto low = hn::LowerHalf(half, bytes), high = hn::UpperHalf(half, bytes);
      hn::StoreU(hn::LowerHalf(quarter, low), quarter, at(k));
      hn::StoreU(hn::UpperHalf(quarter, low), quarter, at(k + 4));
      hn::StoreU(hn::LowerHalf(quarter, high), quarter, at(k + 8));
      hn::StoreU(hn::UpperHalf(quarter, high), quarter, at(k + 12));
    }
  }
}

/// Transposes the 4 x 4 elements of each 128-bit piece.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void transpose_pieces(D d, V& a, V& b, V& c, V& e) {
  const hn::Repartition<double, D> d64;
  const auto ab_low = hn::BitCast(d64, hn::InterleaveLower(d, a, b)),
             ab_high = hn::BitCast(d64, hn::InterleaveUpper(d, a, b));
  const auto ce_low = hn::BitCast(d64, hn::InterleaveLower(d, c, e)),
             ce_high = hn::BitCast(d64, hn::InterleaveUpper(d, c, e));
  a = hn::BitCast(d, hn::InterleaveLower(d64, ab_low, ce_low));
  b = hn::BitCast(d, hn::InterleaveUpper(d64, ab_low, ce_low));
  c = hn::BitCast(d, hn::InterleaveLower(d64, ab_high, ce_high));
  e = hn::BitCast(d, hn::InterleaveUpper(d64, ab_high, ce_high));
}

/// Elements offset .. offset + 3 of all groups, one vector each.
template <class Groups>
HWY_INLINE void load_elements(Groups groups, std::size_t offset, VF (&v)[4]) {
  for (std::size_t k = 0; k < 4; ++k) v[k] = load_pieces(groups, k, offset);
  transpose_pieces(F32(), v[0], v[1], v[2], v[3]);
}

/// Four u32 vectors a..e (lane = block) to 16 consecutive bytes of each block.
template <std::size_t kStep>
HWY_INLINE void store_words(VU a, VU b, VU c, VU e, std::byte* blocks, std::size_t offset) {
  transpose_pieces(U32(), a, b, c, e);
  store_pieces<kStep>(a, blocks, 0, offset);
  store_pieces<kStep>(b, blocks, 1, offset);
  store_pieces<kStep>(c, blocks, 2, offset);
  store_pieces<kStep>(e, blocks, 3, offset);
}
#else
template <class Groups>
HWY_INLINE void load_elements(Groups groups, std::size_t offset, VF (&v)[4]) {
  for (std::size_t k = 0; k < 4; ++k) v[k] = hn::LoadU(F32(), groups[0] + offset + k);
}

template <std::size_t kStep>
HWY_INLINE void store_words(VU a, VU b, VU c, VU e, std::byte* blocks, std::size_t offset) {
  const std::uint32_t words[4] = {hn::GetLane(a), hn::GetLane(b), hn::GetLane(c), hn::GetLane(e)};
  std::memcpy(blocks + offset, words, sizeof(words));
}
#endif

/// Element i of the group at groups[lane] becomes lane `lane` of vector i of `out` (count x kLanes, aligned). count: a multiple of 4.
template <class Groups>
HWY_INLINE void load_groups(Groups groups, std::size_t count, float* out) {
  const F32 d;
  for (std::size_t i = 0; i < count; i += 4) {
    VF v[4];
    load_elements(groups, i, v);
    for (std::size_t k = 0; k < 4; ++k) hn::Store(v[k], d, out + (i + k) * kLanes);
  }
}

/// Smallest and largest weight of each group.
struct LaneRange {
  VF low, high;
  /// The weight of largest magnitude; of two that differ in sign only, the positive one.
  HWY_INLINE VF peak() const { return hn::IfThenElse(hn::Gt(hn::Neg(low), high), low, high); }
};

HWY_INLINE LaneRange group_range(const float* x, std::size_t count) {
  const F32 d;
  LaneRange range{hn::Load(d, x), hn::Load(d, x)};
  for (std::size_t i = 1; i < count; ++i) {
    const VF value = hn::Load(d, x + i * kLanes);
    range = {hn::Min(range.low, value), hn::Max(range.high, value)};
  }
  return range;
}

/// As pq::finite_weight: NaN to 0, infinities and huge numbers to +-limit.
HWY_INLINE VF finite_weights(VF x, VF limit) {
  const VF numbers = hn::IfThenElseZero(hn::Eq(x, x), x);
  return hn::Min(hn::Max(numbers, hn::Neg(limit)), limit);
}

/// All groups have numbers of both signs, or zeros, and none that are not finite or too large for a search.
HWY_INLINE bool is_ordinary(LaneRange range) {
  const F32 d;
  const VF zero = hn::Zero(d), limit = hn::Set(d, kLargestPeak);
  return hn::AllTrue(d, hn::And(hn::And(hn::Le(range.low, zero), hn::Ge(range.low, hn::Neg(limit))),
                                hn::And(hn::Ge(range.high, zero), hn::Le(range.high, limit))));
}

/// The range of groups that hold NaN, infinities, or numbers of one sign only; the first two are replaced as in finite_weights().
HWY_NOINLINE inline LaneRange careful_range(std::size_t count, float* x) {
  const F32 d;
  const VF limit = hn::Set(d, kLargestPeak);
  for (std::size_t i = 0; i < count; ++i)
    hn::Store(finite_weights(hn::Load(d, x + i * kLanes), limit), d, x + i * kLanes);
  return group_range(x, count);
}

/// load_groups(), then finite_weights() where needed; returns the range of each group. Ordinary groups have both signs: as integers their
/// numbers are ordered like the magnitudes of one sign and then of the other, with infinities and NaN at the ends.
template <class Groups>
HWY_INLINE LaneRange load_weights(Groups groups, std::size_t count, float* out) {
  const F32 d;
  VI positive = hn::Set(I32(), INT32_MIN);
  VU negative = hn::Zero(U32());
  for (std::size_t i = 0; i < count; i += 4) {
    VF v[4];
    load_elements(groups, i, v);
    for (std::size_t k = 0; k < 4; ++k) {
      hn::Store(v[k], d, out + (i + k) * kLanes);
      positive = hn::Max(positive, hn::BitCast(I32(), v[k]));
      negative = hn::Max(negative, hn::BitCast(U32(), v[k]));
    }
  }
  const LaneRange range{hn::BitCast(d, negative), hn::BitCast(d, positive)};
  if (HWY_LIKELY(is_ordinary(range))) return range;
  return careful_range(count, out);
}

/// As pq::nearest_code.
HWY_INLINE VF nearest_codes(VF x, VF inverse_scale, VF lowest, VF highest) {
  return hn::Min(hn::Max(hn::Round(hn::Mul(x, inverse_scale)), lowest), highest);
}

/// As pq::inverse_or_zero.
HWY_INLINE VF inverses_or_zero(VF scale) {
  const F32 d;
  const auto zero = hn::Eq(scale, hn::Zero(d));
  return hn::IfThenZeroElse(zero, hn::Div(hn::Set(d, 1.0f), hn::IfThenElse(zero, hn::Set(d, 1.0f), scale)));
}

/// a / b, and 0 where b is not positive.
HWY_INLINE VF divide_or_zero(VF a, VF b) {
  const F32 d;
  const auto usable = hn::Gt(b, hn::Zero(d));
  return hn::IfThenElseZero(usable, hn::Div(a, hn::IfThenElse(usable, b, hn::Set(d, 1.0f))));
}

/// The bits of numbers that f16 holds exactly, in the low halves of u32 lanes.
HWY_INLINE VU f16_bits(VF x) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2 && !defined(HWY_DISABLE_F16C)
  const hn::Rebind<hwy::float16_t, F32> d16;
  return hn::PromoteTo(U32(), hn::BitCast(hn::Rebind<std::uint16_t, F32>(), hn::DemoteTo(d16, x)));
#else
  const F32 d;
  const U32 du;
  const VU bits = hn::BitCast(du, x);
  const VU sign = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 0x8000u));
  const VF magnitude = hn::Abs(x);
  const VU normal = hn::Sub(hn::ShiftRight<13>(hn::BitCast(du, magnitude)), hn::Set(du, 112u << 10));
  const VU subnormal =
      hn::Sub(hn::BitCast(du, hn::Add(magnitude, hn::Set(d, 0.5f))), hn::Set(du, 0x3F000000u));
  const auto small = hn::RebindMask(du, hn::Lt(magnitude, hn::Set(d, 0x1p-14f)));
  return hn::Or(sign, hn::IfThenElse(small, subnormal, normal));
#endif
}

/// As pq::f16_round: the nearest f16 number, ties to even, saturating.
HWY_INLINE VF f16_rounded(VF x) {
  const F32 d;
  const VF value = hn::Min(hn::Max(x, hn::Set(d, -65504.0f)), hn::Set(d, 65504.0f));
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2 && !defined(HWY_DISABLE_F16C)
  return hn::PromoteTo(d, hn::DemoteTo(hn::Rebind<hwy::float16_t, F32>(), value));
#else
  const U32 du;
  const VU bits = hn::BitCast(du, value);
  const VU odd = hn::And(hn::ShiftRight<13>(bits), hn::Set(du, 1u));
  const VU rounded = hn::AndNot(hn::Set(du, 0x1FFFu), hn::Add(hn::Add(bits, hn::Set(du, 0xFFFu)), odd));
  // Below 2^-14 f16 has steps of 2^-24: adding 0.5 leaves exactly those.
  const VF magnitude = hn::Abs(value);
  const VF subnormal = hn::Sub(hn::Add(magnitude, hn::Set(d, 0.5f)), hn::Set(d, 0.5f));
  const VF small = hn::Or(subnormal, hn::And(value, hn::BitCast(d, hn::Set(du, 0x80000000u))));
  return hn::IfThenElse(hn::Lt(magnitude, hn::Set(d, 0x1p-14f)), small, hn::BitCast(d, rounded));
#endif
}

/// Codes 0..255 of four elements to the bytes of one u32, the first lowest.
HWY_INLINE VU pack_bytes(VU a, VU b, VU c, VU e) {
  return hn::Or(hn::Or(a, hn::ShiftLeft<8>(b)), hn::Or(hn::ShiftLeft<16>(c), hn::ShiftLeft<24>(e)));
}

}  // namespace pq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
