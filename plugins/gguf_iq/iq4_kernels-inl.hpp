// Passes over 16 groups of 32 weights, one group in each lane: element i of all groups at x + 16 * i. Compiled once per instruction set; the
// plain loops of HWY_SCALAR are the definition, all give the same bits. Include after hwy/foreach_target.h.

// clang-format off
#if defined(PQ_GGUF_IQ4_KERNELS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef PQ_GGUF_IQ4_KERNELS_INL_HPP
#undef PQ_GGUF_IQ4_KERNELS_INL_HPP
#else
#define PQ_GGUF_IQ4_KERNELS_INL_HPP
#endif
// clang-format on

#include "iq4_moments-inl.hpp"

#include <cstddef>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace pq::gguf_iq::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

/// Number of the nearest level, of two equally near the upper one.
HWY_INLINE int nearest_level(float v) {
  int code = 0;
  for (int k = 0; k < 15; ++k) code += v + v >= static_cast<float>(kIq4Levels[k] + kIq4Levels[k + 1]) ? 1 : 0;
  return code;
}

/// Element i of group k from groups[k] + i to out + 16 * i + k.
inline void load_slots(const float* const* groups, float* out) {
  for (std::size_t k = 0; k < kSlots; ++k)
    for (std::size_t i = 0; i < kGroupSize; ++i) out[i * kSlots + k] = groups[k][i];
}

/// For each slot: sum w (x - scale q)^2.
inline void slot_errors(const float* x, const float* w, const float* scale, const float* inverse,
                        float* out) {
  for (std::size_t s = 0; s < kSlots; ++s) {
    out[s] = 0.0f;
    for (std::size_t i = 0; i < kGroupSize; ++i) {
      const float value = x[i * kSlots + s];
      const float q = kIq4Levels[static_cast<std::size_t>(nearest_level(value * inverse[s]))];
      const float difference = value - scale[s] * q;
      out[s] += (w[i * kSlots + s] * difference) * difference;
    }
  }
}

/// Level numbers, in the layout of x.
inline void slot_codes(const float* x, const float* inverse, std::uint8_t* codes) {
  for (std::size_t i = 0; i < kGroupSize * kSlots; ++i)
    codes[i] = static_cast<std::uint8_t>(nearest_level(x[i] * inverse[i % kSlots]));
}

#else

/// Beyond the outer borders, -115.5 and 101, the nearest level is the last one.
HWY_INLINE VF inside_table(VF v) {
  const F32 d;
  return hn::Min(hn::Max(v, hn::Set(d, -116.0f)), hn::Set(d, 101.5f));
}

/// The bits of 0x1.8p23 plus the number of the nearest level, or one less. The levels grow like a parabola in their number on both sides of
/// the middle: this one misses the borders between levels by at most a quarter of a step.
HWY_INLINE VU lower_number(VF v) {
  const F32 d;
  const VF u = hn::Add(v, hn::Set(d, 4.5f));
  const VF slope = hn::Sub(hn::Set(d, 0.0923f), hn::Mul(hn::Abs(u), hn::Set(d, 0.000246f)));
  const VF number = hn::Add(hn::Mul(u, slope), hn::Set(d, 7.0f));
  return hn::BitCast(U32(), hn::Add(number, hn::Set(d, 12582912.0f)));  // 0x4B400000 + nearest integer
}

/// Number of the nearest level, and the level.
struct NearestLevel {
  VU number;
  VF value;
};

#if HWY_TARGET <= HWY_AVX3
/// 16 lanes: a register is a table of all levels, another one of twice the borders between them.
HWY_INLINE NearestLevel nearest_level(VF v) {
  static_assert(kLanes == 16);
  alignas(64) static constexpr float kLevels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                    1,    13,   25,  38,  53,  69,  89,  113};
  alignas(64) static constexpr float kTwiceBorders[16] = {-231, -187, -148, -114, -84, -57, -32, -9,
                                                          14,   38,   63,   91,   122, 158, 202, 999};
  const F32 d;
  const U32 du;
  const VF inside = inside_table(v);
  const VU lower = hn::And(lower_number(inside), hn::Set(du, 15u));
  const VF border = hn::TableLookupLanes(hn::Load(d, kTwiceBorders), hn::IndicesFromVec(d, lower));
  const auto above = hn::RebindMask(du, hn::Ge(hn::Add(inside, inside), border));
  const VU number = hn::Add(lower, hn::IfThenElseZero(above, hn::Set(du, 1u)));
  return {number, hn::TableLookupLanes(hn::Load(d, kLevels), hn::IndicesFromVec(d, number))};
}
#else
/// Two levels from a table of bytes; the nearer one is taken.
HWY_INLINE NearestLevel nearest_level(VF v) {
  const F32 d;
  const U32 du;
  const hn::Repartition<std::uint8_t, U32> d8;
  alignas(16) static constexpr std::uint8_t kTable[16] = {1,   24,  45,  63,  79,  93,  106, 118,
                                                          129, 141, 153, 166, 181, 197, 217, 241};  // + 128
  const VF inside = inside_table(v);
  const VU bits = lower_number(inside);
  // Byte 0 asks for this level, byte 2 for the next one, the others (bit 7 set) for 0.
  const VU index = hn::Add(hn::Add(bits, hn::ShiftLeft<16>(bits)), hn::Set(du, 0x80018000u - 0x4B400000u));
  const VU both =
      hn::BitCast(du, hn::TableLookupBytesOr0(hn::LoadDup128(d8, kTable), hn::BitCast(d8, index)));
  // A small integer in the low bits of 2^23 is added to it.
  const VU power = hn::Set(du, 0x4B000000u);
  const VF bias = hn::Set(d, 8388608.0f + 128.0f);
  const VF lower = hn::Sub(hn::BitCast(d, hn::Or(hn::And(both, hn::Set(du, 0xFFFFu)), power)), bias),
           upper = hn::Sub(hn::BitCast(d, hn::Or(hn::ShiftRight<16>(both), power)), bias);
  const auto above = hn::Ge(hn::Add(inside, inside), hn::Add(lower, upper));
  return {hn::Sub(hn::And(bits, hn::Set(du, 255u)), hn::BitCast(du, hn::VecFromMask(d, above))),
          hn::IfThenElse(above, upper, lower)};
}
#endif

HWY_INLINE void load_slots(const float* const* groups, float* out) {
  const F32 d;
  for (std::size_t s = 0; s < kSlots; s += kLanes) {
    for (std::size_t i = 0; i < kGroupSize; i += 4) {
      VF a = load_pieces(groups + s, 0, i), b = load_pieces(groups + s, 1, i),
         c = load_pieces(groups + s, 2, i), e = load_pieces(groups + s, 3, i);
      transpose_pieces(d, a, b, c, e);
      hn::Store(a, d, out + (i + 0) * kSlots + s);
      hn::Store(b, d, out + (i + 1) * kSlots + s);
      hn::Store(c, d, out + (i + 2) * kSlots + s);
      hn::Store(e, d, out + (i + 3) * kSlots + s);
    }
  }
}

HWY_INLINE void slot_errors(const float* x, const float* w, const float* scale, const float* inverse,
                            float* out) {
  const F32 d;
  for (std::size_t s = 0; s < kSlots; s += kLanes) {
    const VF step = hn::Load(d, scale + s), inv = hn::Load(d, inverse + s);
    VF error = hn::Zero(d);
    for (std::size_t i = 0; i < kGroupSize; ++i) {
      const VF value = hn::Load(d, x + i * kSlots + s);
      const VF q = nearest_level(hn::Mul(value, inv)).value;
      const VF difference = hn::Sub(value, hn::Mul(step, q));
      error = hn::Add(error, hn::Mul(hn::Mul(hn::Load(d, w + i * kSlots + s), difference), difference));
    }
    hn::Store(error, d, out + s);
  }
}

HWY_INLINE void slot_codes(const float* x, const float* inverse, std::uint8_t* codes) {
  const F32 d;
  const hn::Rebind<std::uint8_t, F32> d8;
  for (std::size_t s = 0; s < kSlots; s += kLanes) {
    const VF inv = hn::Load(d, inverse + s);
    for (std::size_t i = 0; i < kGroupSize; ++i) {
      const VU number = nearest_level(hn::Mul(hn::Load(d, x + i * kSlots + s), inv)).number;
      hn::StoreU(hn::DemoteTo(d8, hn::BitCast(I32(), number)), d8, codes + i * kSlots + s);
    }
  }
}

#endif

}  // namespace pq::gguf_iq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
