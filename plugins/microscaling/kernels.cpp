#include "kernels.hpp"

#include "search.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/codec/rounding.hpp>

#include <algorithm>
#include <array>
#include <bit>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "microscaling/kernels.cpp"
#include <hwy/foreach_target.h>
#include <polyquant/codec/lanes-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace pq::microscaling::HWY_NAMESPACE {
using namespace pq::HWY_NAMESPACE;

/// kLanes groups anywhere in memory, one per lane.
struct Scattered {
  const float* groups[kLanes];
  HWY_INLINE const float* operator[](std::size_t lane) const { return groups[lane]; }
};

template <class Type>
struct Groups {
  static constexpr std::size_t kCount = Type::kGroup;
  HWY_ALIGN float x[kCount * kLanes], w[kCount * kLanes];
};

/// The nearest magnitude of a 4-bit float; of two equally near either one. Below 2 they are halves, below 4 whole numbers, then even ones:
/// steps of half the power of two in m. Adding 1.5 * 2^23 steps leaves whole steps.
HWY_INLINE VF nearest_fp4(VF m) {
  const F32 d;
  const VF bounded = hn::Min(m, hn::Set(d, 8.0f));
  const VF power = hn::BitCast(d, hn::And(hn::BitCast(U32(), bounded), hn::Set(U32(), 0x7F800000u)));
  const VF magic = hn::Mul(hn::Max(power, hn::Set(d, 1.0f)), hn::Set(d, 0x1.8p22f));
  return hn::Min(hn::Sub(hn::Add(bounded, magic), magic), hn::Set(d, 6.0f));
}

/// sum w (|x| / scale - fp4)^2; times the scale squared it is the error of the decoded values.
template <class Type>
HWY_INLINE VF scaled_error(const Groups<Type>& groups, VF inverse) {
  const F32 d;
  VF sums[2] = {hn::Zero(d), hn::Zero(d)};
  for (std::size_t i = 0; i < Groups<Type>::kCount; i += 2) {
    for (std::size_t k = 0; k < 2; ++k) {
      const VF m = hn::Abs(hn::Mul(hn::Load(d, groups.x + (i + k) * kLanes), inverse));
      const VF difference = hn::Sub(m, nearest_fp4(m));
      const VF w = hn::Load(d, groups.w + (i + k) * kLanes);
      sums[k] = hn::Add(sums[k], hn::Mul(w, hn::Mul(difference, difference)));
    }
  }
  return hn::Add(sums[0], sums[1]);
}

/// Inverse scales, and what scaled_error() is multiplied by to compare codes of a group.
struct Step {
  VF inverse, unit;
};

/// Of the exponents 0..253. The square of a scale may be outside the range of f32, so units are relative to the rule's.
HWY_INLINE Step code_step(Mxfp4, VI code, VI rule) {
  const F32 d;
  const I32 di;
  const VI unit = hn::Add(hn::ShiftLeft<1>(hn::Sub(code, rule)), hn::Set(di, 127));
  return {hn::BitCast(d, hn::ShiftLeft<23>(hn::Sub(hn::Set(di, 254), code))),
          hn::BitCast(d, hn::ShiftLeft<23>(unit))};
}
/// Of the codes 1..126: exponent and mantissa of f32 but for its bias.
HWY_INLINE Step code_step(Nvfp4, VI code, VI) {
  const F32 d;
  const VF scale = hn::Mul(hn::BitCast(d, hn::ShiftLeft<20>(code)), hn::Set(d, 0x1p120f));
  return {hn::Div(hn::Set(d, 1.0f), scale), hn::Mul(scale, scale)};
}

/// mxfp4_rule() and nvfp4_rule().
HWY_INLINE VI rule_codes(Mxfp4, VF largest) {
  const I32 di;
  const VI exponent = hn::ShiftRight<23>(hn::BitCast(di, largest));
  return hn::Min(hn::Max(hn::Sub(exponent, hn::Set(di, 2)), hn::Zero(di)), hn::Set(di, 252));
}
HWY_INLINE VI rule_codes(Nvfp4, VF largest) {
  HWY_ALIGN float from[kLanes];
  HWY_ALIGN std::int32_t codes[kLanes];
  hn::Store(largest, F32(), from);
  for (std::size_t l = 0; l < kLanes; ++l) codes[l] = std::max(nvfp4_rule(from[l]), 1);
  return hn::Load(I32(), codes);
}

constexpr ScaleWindow window(Mxfp4, Effort effort) { return mxfp4_window(effort); }
constexpr ScaleWindow window(Nvfp4, Effort effort) { return nvfp4_window(effort); }

/// The best code of each group's window, the rule's first.
template <class Type>
HWY_INLINE VI best_codes(const Groups<Type>& groups, VI rule, Effort effort) {
  const I32 di;
  const ScaleWindow tried = window(Type{}, effort);
  const VI lowest = hn::Set(di, Type::kLowestScale), highest = hn::Set(di, Type::kHighestScale);
  const Step first = code_step(Type{}, rule, rule);
  VI best = rule;
  VF best_error = hn::Mul(scaled_error(groups, first.inverse), first.unit);
  for (int k = tried.first; k <= tried.last; ++k) {
    if (k == 0) continue;
    const VI code = hn::Min(hn::Max(hn::Add(rule, hn::Set(di, k)), lowest), highest);
    const Step step = code_step(Type{}, code, rule);
    const VF error = hn::Mul(scaled_error(groups, step.inverse), step.unit);
    const auto better = hn::Lt(error, best_error);
    best_error = hn::IfThenElse(better, error, best_error);
    best = hn::IfThenElse(hn::RebindMask(di, better), code, best);
  }
  return best;
}

HWY_INLINE VU element_codes(VF x, VF inverse) {
  const F32 d;
  const U32 du;
  const VF scaled = hn::Mul(x, inverse), m = hn::Abs(scaled);
  VU code = hn::Zero(du);
  for (const float border : kFp4Borders)
    code =
        hn::Add(code, hn::IfThenElseZero(hn::RebindMask(du, hn::Gt(m, hn::Set(d, border))), hn::Set(du, 1u)));
  // Code 8 would be read as +0, so there is no negative zero.
  const auto negative = hn::Lt(scaled, hn::Set(d, -kFp4Borders[0]));
  return hn::Add(code, hn::IfThenElseZero(hn::RebindMask(du, negative), hn::Set(du, 8u)));
}

/// The bytes of a group, four to a word: words[j][lane].
template <class Type>
struct PackedGroups {
  static constexpr std::size_t kWords = Type::kGroup / 8;
  HWY_ALIGN std::uint32_t words[kWords][kLanes];
  HWY_ALIGN std::int32_t scales[kLanes];
};
template <class Type>
HWY_INLINE void pack_groups(const Groups<Type>& groups, VI scales, VI rule, PackedGroups<Type>& out) {
  const VF inverse = code_step(Type{}, scales, rule).inverse;
  const auto code = [&](std::size_t i)
                        HWY_ATTR { return element_codes(hn::Load(F32(), groups.x + i * kLanes), inverse); };
  const auto byte = [&](std::size_t j)
                        HWY_ATTR { return hn::Or(code(j), hn::ShiftLeft<4>(code(j + Type::kGroup / 2))); };
  for (std::size_t j = 0; j < PackedGroups<Type>::kWords; ++j)
    hn::Store(pack_bytes(byte(4 * j), byte(4 * j + 1), byte(4 * j + 2), byte(4 * j + 3)), U32(),
              out.words[j]);
  hn::Store(scales, I32(), out.scales);
}

template <class Type>
void store_group(const PackedGroups<Type>& packed, std::size_t lane, std::byte* out, std::int64_t group) {
  constexpr std::int64_t kPerBlock = Type::kWeights / Type::kGroup;
  constexpr std::size_t kWords = PackedGroups<Type>::kWords;
  std::byte* const block = out + static_cast<std::size_t>(group / kPerBlock) * sizeof(typename Type::Block);
  const std::size_t part = static_cast<std::size_t>(group % kPerBlock);
  std::uint32_t words[kWords], used = 0;
  for (std::size_t j = 0; j < kWords; ++j) used |= words[j] = packed.words[j][lane];
  const bool keeps = Type::kKeepsScaleOfZeros || used != 0;
  block[part] = static_cast<std::byte>(keeps ? packed.scales[lane] : 0);
  std::memcpy(block + kPerBlock + part * sizeof(words), words, sizeof(words));
}

/// One group per lane; the last batch is filled with copies of the last group.
template <class Type>
void encode(const Fp4Call& call) {
  Groups<Type> groups;
  PackedGroups<Type> packed;
  const std::int64_t per_row = call.rows.cols / Type::kGroup, total = call.rows.rows * per_row;
  for (std::int64_t first = 0; first < total; first += kLanes) {
    Scattered weights, importance;
    for (std::size_t l = 0; l < kLanes; ++l) {
      const std::int64_t group = std::min(first + static_cast<std::int64_t>(l), total - 1),
                         column = group % per_row * Type::kGroup;
      weights.groups[l] = call.rows.row(group / per_row).data() + column;
      importance.groups[l] = call.importance + column;
    }
    const LaneRange range = load_weights(weights, Type::kGroup, groups.x);
    load_groups(importance, Type::kGroup, groups.w);
    const VI rule = rule_codes(Type{}, hn::Max(hn::Neg(range.low), range.high));
    pack_groups(groups, best_codes(groups, rule, call.effort), rule, packed);
    for (std::int64_t l = 0; l < static_cast<std::int64_t>(kLanes) && first + l < total; ++l)
      store_group(packed, static_cast<std::size_t>(l), call.out, first + l);
  }
}

#if HWY_TARGET == HWY_SCALAR
template <class Type>
void decode_block(const typename Type::Block& block, float* out) {
  for (int i = 0; i < Type::kWeights; ++i) out[i] = fp4_value<Type>(block, i);
}
#else
/// Twice the elements of 16 bytes: low nibbles, high nibbles.
struct TwiceFp4 {
  hn::Vec<hn::FixedTag<std::int8_t, 16>> low, high;
};
HWY_INLINE TwiceFp4 twice_fp4(const std::uint8_t* codes) {
  alignas(16) static constexpr std::int8_t kTwice[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                                         0, -1, -2, -3, -4, -6, -8, -12};
  const hn::FixedTag<std::uint8_t, 16> d8;
  const hn::FixedTag<std::int8_t, 16> di8;
  const auto table = hn::Load(di8, kTwice);
  const auto packed = hn::LoadU(d8, codes);
  return {hn::TableLookupBytes(table, hn::BitCast(di8, hn::And(packed, hn::Set(d8, std::uint8_t{15})))),
          hn::TableLookupBytes(table, hn::BitCast(di8, hn::ShiftRight<4>(packed)))};
}
HWY_INLINE void scale_values(const std::int8_t* twice, std::size_t count, float half_scale, float* out) {
  const F32 d;
  const hn::Rebind<std::int8_t, F32> d8;
  const VF factor = hn::Set(d, half_scale);
  for (std::size_t i = 0; i < count; i += kLanes)
    hn::StoreU(hn::Mul(factor, hn::ConvertTo(d, hn::PromoteTo(I32(), hn::LoadU(d8, twice + i)))), d, out + i);
}
template <class Type>
HWY_INLINE void decode_block(const typename Type::Block& block, float* out) {
  const hn::FixedTag<std::int8_t, 16> d8;
  const hn::FixedTag<std::uint64_t, 2> d64;
  alignas(16) std::int8_t twice[32];
  if constexpr (Type::kGroup == 32) {
    const TwiceFp4 found = twice_fp4(block.codes);
    hn::Store(found.low, d8, twice);
    hn::Store(found.high, d8, twice + 16);
    scale_values(twice, 32, Type::half_scale(block.e), out);
  } else {
    for (std::size_t s = 0; s < 4; s += 2) {  // two groups of 8 bytes
      const TwiceFp4 found = twice_fp4(block.codes + 8 * s);
      const auto low = hn::BitCast(d64, found.low), high = hn::BitCast(d64, found.high);
      hn::Store(hn::BitCast(d8, hn::InterleaveLower(d64, low, high)), d8, twice);
      hn::Store(hn::BitCast(d8, hn::InterleaveUpper(d64, low, high)), d8, twice + 16);
      scale_values(twice, 16, Type::half_scale(block.scales[s]), out + 16 * s);
      scale_values(twice + 16, 16, Type::half_scale(block.scales[s + 1]), out + 16 * s + 16);
    }
  }
}
#endif

template <class Type>
void decode(const std::byte* from, std::size_t count, float* out) {
  using Block = typename Type::Block;
  for (std::size_t b = 0; b < count; ++b, out += Type::kWeights)
    decode_block<Type>(load<Block>(from + b * sizeof(Block)), out);
}

void encode_mxfp4(const Fp4Call& call) { encode<Mxfp4>(call); }
void encode_nvfp4(const Fp4Call& call) { encode<Nvfp4>(call); }
void decode_mxfp4(const std::byte* from, std::size_t count, float* out) { decode<Mxfp4>(from, count, out); }
void decode_nvfp4(const std::byte* from, std::size_t count, float* out) { decode<Nvfp4>(from, count, out); }

}  // namespace pq::microscaling::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::microscaling {
HWY_EXPORT(encode_mxfp4);
HWY_EXPORT(encode_nvfp4);
HWY_EXPORT(decode_mxfp4);
HWY_EXPORT(decode_nvfp4);

template <>
void encode_fp4<Mxfp4>(const Fp4Call& call) {
  HWY_DYNAMIC_DISPATCH(encode_mxfp4)(call);
}
template <>
void encode_fp4<Nvfp4>(const Fp4Call& call) {
  HWY_DYNAMIC_DISPATCH(encode_nvfp4)(call);
}
template <>
void decode_fp4<Mxfp4>(const std::byte* from, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(decode_mxfp4)(from, count, out);
}
template <>
void decode_fp4<Nvfp4>(const std::byte* from, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(decode_nvfp4)(from, count, out);
}
}  // namespace pq::microscaling
#endif
