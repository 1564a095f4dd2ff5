#include "convert.hpp"

#include <array>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "float/convert.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace pq::floating::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using DU = hn::RebindToUnsigned<D>;
using DI = hn::RebindToSigned<D>;
using VU = hn::Vec<DU>;

HWY_INLINE VU set(std::uint32_t value) { return hn::Set(DU(), value); }

/// MiniFloat::encode() for a vector: the same steps. `overflow`: what numbers beyond the largest one become; `nan`: the magnitude of NaN.
template <int kExponentBits, int kMantissaBits>
HWY_INLINE VU to_small_float(VU bits, std::uint32_t overflow, std::uint32_t nan) {
  constexpr int kBits = 1 + kExponentBits + kMantissaBits, kBias = (1 << (kExponentBits - 1)) - 1,
                kShift = 23 - kMantissaBits;
  constexpr std::uint32_t kMagic = static_cast<std::uint32_t>(1 - kBias - kMantissaBits + 23 + 127) << 23;
  const VU sign = hn::And(hn::ShiftRight<32 - kBits>(bits), set(1u << (kBits - 1)));
  const VU magnitude = hn::And(bits, set(0x7FFFFFFFu));
  const auto shifted = hn::Add(hn::BitCast(D(), magnitude), hn::BitCast(D(), set(kMagic)));
  const VU subnormal = hn::Sub(hn::BitCast(DU(), shifted), set(kMagic));
  const VU odd = hn::And(hn::ShiftRight<kShift>(magnitude), set(1));
  const VU rounded = hn::ShiftRight<kShift>(hn::Add(hn::Add(magnitude, set((1u << (kShift - 1)) - 1)), odd));
  const VU normal = hn::Sub(rounded, set(static_cast<std::uint32_t>(127 - kBias) << kMantissaBits));
  const auto is_small =
      hn::Lt(hn::BitCast(DI(), magnitude), hn::Set(DI(), static_cast<std::int32_t>(128 - kBias) << 23));
  const VU finite = hn::IfThenElse(hn::RebindMask(DU(), is_small), subnormal, normal);
  const auto is_nan = hn::Gt(hn::BitCast(DI(), magnitude), hn::Set(DI(), 0x7F800000));
  return hn::Or(sign, hn::IfThenElse(hn::RebindMask(DU(), is_nan), set(nan), hn::Min(finite, set(overflow))));
}

HWY_INLINE VU encode(F16, VU bits) { return to_small_float<5, 10>(bits, 0x7C00u, 0x7E00u); }
HWY_INLINE VU encode(E4m3, VU bits) { return to_small_float<4, 3>(bits, Fp8E4m3::kMaxFinite, Fp8E4m3::kNan); }
HWY_INLINE VU encode(E5m2, VU bits) { return to_small_float<5, 2>(bits, Fp8E5m2::kMaxFinite, Fp8E5m2::kNan); }
HWY_INLINE VU encode(Bf16, VU bits) {
  const VU odd = hn::And(hn::ShiftRight<16>(bits), set(1));
  const VU rounded = hn::ShiftRight<16>(hn::Add(hn::Add(bits, set(0x7FFFu)), odd));
  const auto is_nan = hn::Gt(hn::BitCast(DI(), hn::And(bits, set(0x7FFFFFFFu))), hn::Set(DI(), 0x7F800000));
  return hn::IfThenElse(hn::RebindMask(DU(), is_nan), hn::Or(hn::ShiftRight<16>(bits), set(0x40u)), rounded);
}

HWY_INLINE VU decode(Bf16, VU stored) { return hn::ShiftLeft<16>(stored); }
HWY_INLINE VU decode(F16, VU stored) {
  const VU magnitude = hn::And(stored, set(0x7FFFu)), shifted = hn::ShiftLeft<13>(magnitude);
  const VU normal = hn::Add(shifted, set(112u << 23)), special = hn::Or(shifted, set(0x7F800000u));
  const auto small = hn::Mul(hn::ConvertTo(D(), hn::BitCast(DI(), magnitude)), hn::Set(D(), 0x1p-24f));
  const auto is_small = hn::Lt(hn::BitCast(DI(), magnitude), hn::Set(DI(), 0x400));
  const auto is_special = hn::Gt(hn::BitCast(DI(), magnitude), hn::Set(DI(), 0x7BFF));
  const VU finite = hn::IfThenElse(hn::RebindMask(DU(), is_small), hn::BitCast(DU(), small), normal);
  const VU value = hn::IfThenElse(hn::RebindMask(DU(), is_special), special, finite);
  return hn::Or(value, hn::ShiftLeft<16>(hn::And(stored, set(0x8000u))));
}

template <class Format>
void encode_vectors(const float* from, std::size_t count, std::byte* to) {
  using Stored = typename Format::Stored;
  const hn::Rebind<Stored, D> narrow;
  const std::size_t lanes = hn::Lanes(D());
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const VU bits = encode(Format(), hn::BitCast(DU(), hn::LoadU(D(), from + i)));
    // An array of numbers of the format, perhaps not aligned.
    hn::StoreU(hn::DemoteTo(narrow, hn::BitCast(DI(), bits)), narrow,
               reinterpret_cast<Stored*>(to + i * sizeof(Stored)));
  }
  encode_reference<Format>(from + i, count - i, to + i * sizeof(Stored));
}

template <class Format>
void decode_vectors(const std::byte* from, std::size_t count, float* to) {
  using Stored = typename Format::Stored;
  const hn::Rebind<Stored, D> narrow;
  const std::size_t lanes = hn::Lanes(D());
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto stored = hn::LoadU(narrow, reinterpret_cast<const Stored*>(from + i * sizeof(Stored)));
    hn::StoreU(hn::BitCast(D(), decode(Format(), hn::BitCast(DU(), hn::PromoteTo(DI(), stored)))), D(),
               to + i);
  }
  decode_reference<Format>(from + i * sizeof(Stored), count - i, to + i);
}

void encode_f16(const float* from, std::size_t count, std::byte* to) { encode_vectors<F16>(from, count, to); }
void encode_bf16(const float* from, std::size_t count, std::byte* to) {
  encode_vectors<Bf16>(from, count, to);
}
void encode_e4m3(const float* from, std::size_t count, std::byte* to) {
  encode_vectors<E4m3>(from, count, to);
}
void encode_e5m2(const float* from, std::size_t count, std::byte* to) {
  encode_vectors<E5m2>(from, count, to);
}
void decode_f16(const std::byte* from, std::size_t count, float* to) { decode_vectors<F16>(from, count, to); }
void decode_bf16(const std::byte* from, std::size_t count, float* to) {
  decode_vectors<Bf16>(from, count, to);
}

}  // namespace pq::floating::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::floating {
HWY_EXPORT(encode_f16);
HWY_EXPORT(encode_bf16);
HWY_EXPORT(encode_e4m3);
HWY_EXPORT(encode_e5m2);
HWY_EXPORT(decode_f16);
HWY_EXPORT(decode_bf16);

namespace {
/// One byte has 256 values.
template <class Format>
void decode_bytes(const std::byte* from, std::size_t count, float* to) {
  static const std::array<float, 256> kValues = [] {
    std::array<float, 256> values{};
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = Format::decode(static_cast<std::uint8_t>(i));
    return values;
  }();
  for (std::size_t i = 0; i < count; ++i) to[i] = kValues[static_cast<std::size_t>(from[i])];
}
}  // namespace

template <>
void encode_numbers<F32>(const float* from, std::size_t count, std::byte* to) {
  if (count != 0) std::memcpy(to, from, count * sizeof(float));
}
template <>
void decode_numbers<F32>(const std::byte* from, std::size_t count, float* to) {
  if (count != 0) std::memcpy(to, from, count * sizeof(float));
}
template <>
void encode_numbers<F64>(const float* from, std::size_t count, std::byte* to) {
  encode_reference<F64>(from, count, to);
}
template <>
void decode_numbers<F64>(const std::byte* from, std::size_t count, float* to) {
  decode_reference<F64>(from, count, to);
}
template <>
void encode_numbers<F16>(const float* from, std::size_t count, std::byte* to) {
  HWY_DYNAMIC_DISPATCH(encode_f16)(from, count, to);
}
template <>
void decode_numbers<F16>(const std::byte* from, std::size_t count, float* to) {
  HWY_DYNAMIC_DISPATCH(decode_f16)(from, count, to);
}
template <>
void encode_numbers<Bf16>(const float* from, std::size_t count, std::byte* to) {
  HWY_DYNAMIC_DISPATCH(encode_bf16)(from, count, to);
}
template <>
void decode_numbers<Bf16>(const std::byte* from, std::size_t count, float* to) {
  HWY_DYNAMIC_DISPATCH(decode_bf16)(from, count, to);
}
template <>
void encode_numbers<E4m3>(const float* from, std::size_t count, std::byte* to) {
  HWY_DYNAMIC_DISPATCH(encode_e4m3)(from, count, to);
}
template <>
void decode_numbers<E4m3>(const std::byte* from, std::size_t count, float* to) {
  decode_bytes<E4m3>(from, count, to);
}
template <>
void encode_numbers<E5m2>(const float* from, std::size_t count, std::byte* to) {
  HWY_DYNAMIC_DISPATCH(encode_e5m2)(from, count, to);
}
template <>
void decode_numbers<E5m2>(const std::byte* from, std::size_t count, float* to) {
  decode_bytes<E5m2>(from, count, to);
}
}  // namespace pq::floating
#endif
