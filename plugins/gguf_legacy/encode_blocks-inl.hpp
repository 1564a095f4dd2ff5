// Writes what the searches found: kLanes blocks at a time. Include rules as for codec/lanes-inl.hpp.

// clang-format off
#if defined(POLYQUANT_GGUF_LEGACY_ENCODE_BLOCKS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_GGUF_LEGACY_ENCODE_BLOCKS_INL_HPP
#undef POLYQUANT_GGUF_LEGACY_ENCODE_BLOCKS_INL_HPP
#else
#define POLYQUANT_GGUF_LEGACY_ENCODE_BLOCKS_INL_HPP
#endif
// clang-format on

#include <polyquant/codec/quick_offset-inl.hpp>

#include <cstring>

#if HWY_TARGET != HWY_SCALAR  // there the plain loops serve
HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {
using namespace pq::HWY_NAMESPACE;

constexpr std::size_t kGroup = 32;

/// kLanes blocks that follow each other, on their way through an encoder.
struct Batch {
  const float* weights;
  const float* importance;
  const VS* weight_pairs;  // 8-bit codes: roots of the importance
  std::byte* blocks;
};
using Groups = Consecutive<kGroup>;

/// Writes the f16 scale (and offset) at the head of each block.
template <class Codec>
HWY_INLINE void store_head(LaneScaleOffset fit, const Batch& batch) {
  HWY_ALIGN std::uint32_t head[kLanes];
  VU bits = f16_bits(fit.scale);
  if constexpr (Codec::kHasOffset) bits = hn::Or(bits, hn::ShiftLeft<16>(f16_bits(fit.offset)));
  hn::Store(bits, U32(), head);
  for (std::size_t l = 0; l < kLanes; ++l)
    std::memcpy(batch.blocks + l * sizeof(typename Codec::Block), &head[l], Codec::kHasOffset ? 4 : 2);
}

/// Bytes 0, 2, .., 14, 1, 3, .., 15 of each 128-bit piece.
HWY_INLINE VU even_bytes_first(VU v) {
  const hn::Repartition<std::uint8_t, U32> d8;
  alignas(16) static constexpr std::uint8_t kOrder[16] = {0, 2, 4, 6, 8, 10, 12, 14,
                                                          1, 3, 5, 7, 9, 11, 13, 15};
  return hn::BitCast(U32(), hn::TableLookupBytes(hn::BitCast(d8, v), hn::LoadDup128(d8, kOrder)));
}

/// Writes codes of 4 or 5 bits: nibble i and nibble i + 16 share a byte, fifth bits lie in a word of their own. `quads(i)`: the stored codes
/// i, i + 8, i + 16, i + 24 in bytes.
template <class Codec, class Quads>
HWY_INLINE void store_nibbles(const Quads& quads, const Batch& batch) {
  const U32 du;
  using Block = typename Codec::Block;
  const VS nibble_places = hn::BitCast(I16(), hn::Set(du, 1u | 16u << 16));
  VS fifth = hn::Zero(I16());
  VU nibbles[4];
  for (std::size_t k = 4; k-- > 0;) {
    VU halves[2];
    for (std::size_t j = 2; j-- > 0;) {
      VS codes = quads(2 * k + j);
      if constexpr (Codec::kCodeBits == 5) {
        fifth = hn::Or(hn::Add(fifth, fifth), hn::And(hn::ShiftRight<4>(codes), set_shorts(0x0101)));
        codes = hn::And(codes, set_shorts(0x0F0F));
      }
      // Low nibbles from the low half, high nibbles from the high half: one multiplication by (1, 16).
      halves[j] = hn::BitCast(du, multiply_pairs(codes, nibble_places));
    }
    nibbles[k] = hn::Or(halves[0], hn::ShiftLeft<16>(halves[1]));
  }
  transpose_pieces(du, nibbles[0], nibbles[1], nibbles[2], nibbles[3]);
  for (std::size_t k = 0; k < 4; ++k)
    store_pieces<sizeof(Block)>(even_bytes_first(nibbles[k]), batch.blocks, k, offsetof(Block, codes));
  if constexpr (Codec::kCodeBits == 5) {
    HWY_ALIGN std::uint32_t bits[kLanes];
    hn::Store(hn::BitCast(du, fifth), du, bits);
    for (std::size_t l = 0; l < kLanes; ++l)
      std::memcpy(batch.blocks + l * sizeof(Block) + offsetof(Block, high_bits), &bits[l], 4);
  }
}

/// Writes codes of 8 bits. `pairs(i)`: codes i and i + 16 in 16-bit halves.
template <class Codec, class Pairs>
HWY_INLINE void store_bytes(const Pairs& pairs, const Batch& batch) {
  using Block = typename Codec::Block;
  const auto words = [](VS v) HWY_ATTR { return hn::BitCast(U32(), v); };
  const VS low_byte = set_shorts(255);
  VU low[4], high[4];
  for (std::size_t k = 0; k < 4; ++k) {
    const VS first = hn::Or(hn::And(pairs(4 * k), low_byte), hn::ShiftLeft<8>(pairs(4 * k + 1))),
             second = hn::Or(hn::And(pairs(4 * k + 2), low_byte), hn::ShiftLeft<8>(pairs(4 * k + 3)));
    low[k] = words(hn::OddEven(hn::BitCast(I16(), hn::ShiftLeft<16>(words(second))), first));
    high[k] = words(hn::OddEven(second, hn::BitCast(I16(), hn::ShiftRight<16>(words(first)))));
  }
  store_words<sizeof(Block)>(low[0], low[1], low[2], low[3], batch.blocks, offsetof(Block, codes));
  store_words<sizeof(Block)>(high[0], high[1], high[2], high[3], batch.blocks, offsetof(Block, codes) + 16);
}

/// The codes nearest to the weights for the stored numbers, measured from the middle code.
template <class Codec>
struct NearestPairs {
  const float* x;
  LaneScaleOffset fit;
  VF inverse = inverses_or_zero(fit.scale);

  HWY_INLINE VS operator()(std::size_t i) const {
    return hn::OddEven(shorts(hn::ShiftLeft<16>(bits(i + kPairs))), shorts(bits(i)));
  }
  HWY_INLINE VI bits(std::size_t i) const {
    const F32 d;
    constexpr float kMiddle = Codec::kHasOffset ? (Codec::kMaxCode + 1) / 2 : 0;
    VF value = hn::Load(d, x + i * kLanes);
    if constexpr (Codec::kHasOffset) value = hn::Sub(value, fit.offset);
    const VF code = nearest_codes(value, inverse, hn::Set(d, Codec::kMinCode), hn::Set(d, Codec::kMaxCode));
    return hn::BitCast(I32(), hn::Add(code, hn::Set(d, kRoundingMagic - kMiddle)));
  }
};

/// Writes blocks with the nearest codes, and with those of a search where they belong to the fit. `found`: as store_bytes() and
/// store_nibbles() take them.
template <class Codec, class Found>
HWY_INLINE void store_nearest(const float* x, const LaneQuickFit& fit, const Found& found,
                              const Batch& batch) {
  const NearestPairs<Codec> nearest{x, fit.stored};
  if constexpr (Codec::kCodeBits == 8) {
    store_bytes<Codec>(
        [&](std::size_t i) HWY_ATTR { return select_shorts(fit.keeps_codes, found(i), nearest(i)); }, batch);
  } else {
    constexpr int kMiddle = 1 << (Codec::kCodeBits - 1);
    const auto quads = [&](std::size_t i) HWY_ATTR {
      return select_shorts(fit.keeps_codes, found(i), to_quads<kMiddle>(nearest(i), nearest(i + kPairs / 2)));
    };
    store_nibbles<Codec>(quads, batch);
  }
}

/// Writes the blocks of a batch.
template <class Codec, class Search>
HWY_INLINE void store_blocks(const float* x, const LaneQuickFit& fit, const Search& search,
                             const Batch& batch) {
  store_head<Codec>(fit.stored, batch);
  const auto found = [&](std::size_t i) HWY_ATTR {
    if constexpr (Codec::kCodeBits == 8)
      return search.pairs(i);
    else
      return search.quads(i);
  };
  if (HWY_UNLIKELY(!hn::AllTrue(F32(), fit.keeps_codes)))
    store_nearest<Codec>(x, fit, found, batch);
  else if constexpr (Codec::kCodeBits == 8)
    store_bytes<Codec>(found, batch);
  else
    store_nibbles<Codec>(found, batch);
}

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
