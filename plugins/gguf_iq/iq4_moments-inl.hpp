// Sums over 16 groups of 32 weights for a scale of each, one group in each lane: element i of all groups at x + 16 * i. Compiled once per
// instruction set; the plain loops of HWY_SCALAR are the definition, all give the same bits. Include after hwy/foreach_target.h.

// clang-format off
#if defined(PQ_GGUF_IQ4_MOMENTS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef PQ_GGUF_IQ4_MOMENTS_INL_HPP
#undef PQ_GGUF_IQ4_MOMENTS_INL_HPP
#else
#define PQ_GGUF_IQ4_MOMENTS_INL_HPP
#endif
// clang-format on

#include <polyquant/codec/lanes-inl.hpp>
#include "iq4_layouts.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace pq::gguf_iq::HWY_NAMESPACE {
using namespace pq::HWY_NAMESPACE;

constexpr std::size_t kSlots = 16;      // groups side by side
constexpr std::size_t kGroupSize = 32;  // weights of a group

/// For levels that are near, not always nearest, to x * inverse: what they say of a scale is true of these levels.
struct SlotMoments {
  alignas(64) float a[kSlots];  // sum w x q
  alignas(64) float b[kSlots];  // sum w q^2
};

/// Weights in steps of 1 / kNearSteps levels are integers of 8 bits. With this number of steps no 16 of them that begin at a multiple of 16
/// hold more than one border between levels, and a border is missed by 0.4 levels at most: by 0.2 of them as a root mean square, which costs
/// a sixth of a percent of the error.
constexpr float kNearSteps = 1.042f;
constexpr float kNearMagic = 12582912.0f;  // 0x1.8p23: added, leaves the nearest integer in the low bits
/// By the high four bits of such an integer: the last one below the border, and the levels on both sides of it.
alignas(16) inline constexpr std::int8_t kNearBorders[16] = {7,    19,  32, 0,   0,   82,  105, 0,
                                                             -121, -98, 0,  -78, -60, -44, -30, -5};
alignas(16) inline constexpr std::int8_t kNearBelow[16] = {1,    13,   25,  53,  69,  69,  89,  113,
                                                           -127, -104, -83, -83, -65, -49, -35, -10};
alignas(16) inline constexpr std::int8_t kNearAbove[16] = {13,   25,  38,  53,  69,  89,  113, 113,
                                                           -104, -83, -83, -65, -49, -35, -22, 1};
/// Levels are taken times 2^24, as the highest byte of an integer.
constexpr float kLevelUnit = 0x1p-24f;

#if HWY_TARGET == HWY_SCALAR

/// `v`: in steps.
HWY_INLINE float near_level(float v) {
  const float inside = std::min(std::max(v, -128.0f), 127.0f);
  const int number = static_cast<int>((inside + kNearMagic) - kNearMagic);
  const std::size_t high = static_cast<std::uint8_t>(number) >> 4;
  return static_cast<float>(number > kNearBorders[high] ? kNearAbove[high] : kNearBelow[high]) / kLevelUnit;
}

inline void slot_moments(const float* x, const float* w, const float* inverse, SlotMoments& out) {
  for (std::size_t s = 0; s < kSlots; ++s) {
    const float factor = inverse[s] * kNearSteps;
    float a = 0.0f, b = 0.0f;
    for (std::size_t i = 0; i < kGroupSize; ++i) {
      const float value = x[i * kSlots + s];
      const float q = near_level(value * factor);
      const float wq = w[i * kSlots + s] * q;
      a += wq * value;
      b += wq * q;
    }
    out.a[s] = a * kLevelUnit;
    out.b[s] = b * (kLevelUnit * kLevelUnit);
  }
}

#else
using I8 = hn::Repartition<std::int8_t, F32>;
using VB = hn::Vec<I8>;

/// Levels near to four numbers in every lane (in steps), as the bytes of the lane.
HWY_INLINE VB near_levels(const VF (&v)[4]) {
  const F32 d;
  const I8 d8;
  const hn::Repartition<std::uint8_t, F32> du8;
  const hn::Repartition<std::int16_t, F32> d16;
  const auto bits = [&](std::size_t i) HWY_ATTR {
    const VF inside = hn::Min(hn::Max(v[i], hn::Set(d, -128.0f)), hn::Set(d, 127.0f));
    return hn::BitCast(I32(), hn::Add(inside, hn::Set(d, kNearMagic)));
  };
  const auto pairs = [&](std::size_t i) HWY_ATTR {
    return hn::OddEven(hn::BitCast(d16, hn::ShiftLeft<16>(bits(i + 2))), hn::BitCast(d16, bits(i)));
  };
  const VB numbers = hn::OddEven(hn::BitCast(d8, hn::ShiftLeft<8>(pairs(1))), hn::BitCast(d8, pairs(0)));
  const VB high = hn::BitCast(d8, hn::ShiftRight<4>(hn::BitCast(du8, numbers)));
  const auto entry = [&](const std::int8_t* table)
                         HWY_ATTR { return hn::TableLookupBytes(hn::LoadDup128(d8, table), high); };
  return hn::IfThenElse(hn::Gt(numbers, entry(kNearBorders)), entry(kNearAbove), entry(kNearBelow));
}

/// Element i of near_levels(), times 2^24.
HWY_INLINE VF level_of(VB levels, std::size_t i) {
  alignas(16) static constexpr std::uint8_t kPlaces[4][16] = {
      {128, 128, 128, 0, 128, 128, 128, 4, 128, 128, 128, 8, 128, 128, 128, 12},
      {128, 128, 128, 1, 128, 128, 128, 5, 128, 128, 128, 9, 128, 128, 128, 13},
      {128, 128, 128, 2, 128, 128, 128, 6, 128, 128, 128, 10, 128, 128, 128, 14},
      {128, 128, 128, 3, 128, 128, 128, 7, 128, 128, 128, 11, 128, 128, 128, 15}};
  const hn::Repartition<std::uint8_t, F32> du8;
  const auto places = hn::LoadDup128(du8, kPlaces[i]);
  return hn::ConvertTo(F32(), hn::BitCast(I32(), hn::TableLookupBytesOr0(hn::BitCast(du8, levels), places)));
}

HWY_INLINE void slot_moments(const float* x, const float* w, const float* inverse, SlotMoments& out) {
  const F32 d;
  for (std::size_t s = 0; s < kSlots; s += kLanes) {
    const VF factor = hn::Mul(hn::Load(d, inverse + s), hn::Set(d, kNearSteps));
    VF a = hn::Zero(d), b = a;
    for (std::size_t i = 0; i < kGroupSize; i += 4) {
      VF value[4], steps[4];
      for (std::size_t k = 0; k < 4; ++k) {
        value[k] = hn::Load(d, x + (i + k) * kSlots + s);
        steps[k] = hn::Mul(value[k], factor);
      }
      const VB levels = near_levels(steps);
      for (std::size_t k = 0; k < 4; ++k) {
        const VF q = level_of(levels, k), wq = hn::Mul(hn::Load(d, w + (i + k) * kSlots + s), q);
        a = hn::Add(a, hn::Mul(wq, value[k]));
        b = hn::Add(b, hn::Mul(wq, q));
      }
    }
    hn::Store(hn::Mul(a, hn::Set(d, kLevelUnit)), d, out.a + s);
    hn::Store(hn::Mul(b, hn::Set(d, kLevelUnit * kLevelUnit)), d, out.b + s);
  }
}

#endif

}  // namespace pq::gguf_iq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
