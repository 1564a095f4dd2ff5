#include "simd.hpp"

#include <polyquant/codec/block.hpp>

#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gguf_legacy/decode.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {
#if HWY_TARGET == HWY_SCALAR

template <class Codec>
void decode_all(const std::byte* from, std::size_t count, float* out) {
  decode_blocks_reference<Codec>(from, count, out);
}

#else
namespace hn = hwy::HWY_NAMESPACE;
using F32 = hn::CappedTag<float, 16>;
using I32 = hn::Rebind<std::int32_t, F32>;

/// code * scale (+ offset) of consecutive codes, as the plain decoder computes them.
template <class Codec, class V>
HWY_INLINE hn::Vec<F32> values(V code, hn::Vec<F32> scale, [[maybe_unused]] hn::Vec<F32> offset) {
  const auto product = hn::Mul(scale, hn::ConvertTo(F32(), code));
  if constexpr (Codec::kHasOffset)
    return hn::Add(product, offset);
  else
    return product;
}

/// All five blocks begin with the scale; the offset follows.
static_assert(offsetof(Q4_0::Block, d) == 0 && offsetof(Q4_1::Block, d) == 0 &&
              offsetof(Q4_1::Block, m) == 2 && offsetof(Q5_0::Block, d) == 0 &&
              offsetof(Q5_1::Block, d) == 0 && offsetof(Q5_1::Block, m) == 2 &&
              offsetof(Q8_0::Block, d) == 0);

/// Stored nibbles and fifth bits of one block as 32 codes in bytes.
template <class Codec>
HWY_INLINE void unpack_codes(const std::byte* block, std::int8_t* codes) {
  using Block = typename Codec::Block;
  const auto* stored = reinterpret_cast<const std::uint8_t*>(block + offsetof(Block, codes));
  if constexpr (Codec::kCodeBits == 8) {
    std::memcpy(codes, stored, 32);
  } else {
    const hn::FixedTag<std::uint8_t, 16> d8;
    const hn::Repartition<std::int8_t, decltype(d8)> di8;
    const auto packed = hn::LoadU(d8, stored);
    auto low = hn::And(packed, hn::Set(d8, std::uint8_t{15})), high = hn::ShiftRight<4>(packed);
    if constexpr (Codec::kCodeBits == 5) {
      // Byte i gets bit i % 8 of high_bits[i / 8].
      alignas(16) static constexpr std::uint8_t kByte[32] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,
                                                             2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3};
      alignas(16) static constexpr std::uint8_t kBit[16] = {1, 2, 4, 8, 16, 32, 64, 128,
                                                            1, 2, 4, 8, 16, 32, 64, 128};
      const auto high_bits = load<std::uint32_t>(block + offsetof(Block, high_bits));
      const auto bits = hn::BitCast(d8, hn::Set(hn::Repartition<std::uint32_t, decltype(d8)>(), high_bits)),
                 bit = hn::Load(d8, kBit), sixteen = hn::Set(d8, std::uint8_t{16});
      const auto fifth = [&](const std::uint8_t* index) HWY_ATTR {
        const auto spread = hn::TableLookupBytes(bits, hn::Load(d8, index));
        return hn::And(hn::VecFromMask(d8, hn::Eq(hn::And(spread, bit), bit)), sixteen);
      };
      low = hn::Or(low, fifth(kByte));
      high = hn::Or(high, fifth(kByte + 16));
    }
    constexpr int kBias = Codec::kMinCode;
    const auto bias = hn::Set(di8, static_cast<std::int8_t>(kBias));
    hn::StoreU(hn::Add(hn::BitCast(di8, low), bias), di8, codes);
    hn::StoreU(hn::Add(hn::BitCast(di8, high), bias), di8, codes + 16);
  }
}

template <class Codec>
void decode_all(const std::byte* from, std::size_t count, float* out) {
  using Block = typename Codec::Block;
  const F32 d;
  const hn::Rebind<std::int8_t, F32> d8;
  const std::size_t lanes = hn::Lanes(d);
  alignas(32) std::int8_t codes[32];
  for (std::size_t b = 0; b < count; ++b, out += Codec::kWeights) {
    const std::byte* block = from + b * sizeof(Block);
    unpack_codes<Codec>(block, codes);
    const auto scale = hn::Set(d, f16_to(load<std::uint16_t>(block)));
    const auto offset = hn::Set(d, Codec::kHasOffset ? f16_to(load<std::uint16_t>(block + 2)) : 0.0f);
    for (std::size_t i = 0; i < 32; i += lanes)
      hn::StoreU(values<Codec>(hn::PromoteTo(I32(), hn::LoadU(d8, codes + i)), scale, offset), d, out + i);
  }
}

#endif  // HWY_TARGET == HWY_SCALAR

void decode_q4_0(const std::byte* from, std::size_t count, float* out) { decode_all<Q4_0>(from, count, out); }
void decode_q4_1(const std::byte* from, std::size_t count, float* out) { decode_all<Q4_1>(from, count, out); }
void decode_q5_0(const std::byte* from, std::size_t count, float* out) { decode_all<Q5_0>(from, count, out); }
void decode_q5_1(const std::byte* from, std::size_t count, float* out) { decode_all<Q5_1>(from, count, out); }
void decode_q8_0(const std::byte* from, std::size_t count, float* out) { decode_all<Q8_0>(from, count, out); }

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::gguf {
HWY_EXPORT(decode_q4_0);
HWY_EXPORT(decode_q4_1);
HWY_EXPORT(decode_q5_0);
HWY_EXPORT(decode_q5_1);
HWY_EXPORT(decode_q8_0);

template <>
void decode_blocks<Q4_0>(const std::byte* from, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(decode_q4_0)(from, count, out);
}
template <>
void decode_blocks<Q4_1>(const std::byte* from, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(decode_q4_1)(from, count, out);
}
template <>
void decode_blocks<Q5_0>(const std::byte* from, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(decode_q5_0)(from, count, out);
}
template <>
void decode_blocks<Q5_1>(const std::byte* from, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(decode_q5_1)(from, count, out);
}
template <>
void decode_blocks<Q8_0>(const std::byte* from, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(decode_q8_0)(from, count, out);
}
}  // namespace pq::gguf
#endif
