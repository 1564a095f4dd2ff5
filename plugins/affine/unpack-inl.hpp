// Codes of 2 to 8 bits into bytes. Include after hwy/highway.h inside foreach_target.h's loop.

// clang-format off
#if defined(POLYQUANT_AFFINE_UNPACK_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_AFFINE_UNPACK_INL_HPP
#undef POLYQUANT_AFFINE_UNPACK_INL_HPP
#else
#define POLYQUANT_AFFINE_UNPACK_INL_HPP
#endif
// clang-format on

#include <polyquant/codec/affine_rows.hpp>

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace pq::affine::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR
/// Where the codes of eight that lie in `bits` bytes begin: each gets the 16 bits from its first byte on. Multiplied by 2^(8 - bit of that byte)
/// its code begins at bit 8; what lies above it is then masked.
template <int kBits>
struct EightCodes {
  alignas(16) std::uint8_t bytes[2][16];
  alignas(16) std::uint16_t factors[8];
  constexpr EightCodes() : bytes(), factors() {
    for (int k = 0; k < 16; ++k) {
      const int bit = k * kBits;
      bytes[k / 8][2 * (k % 8)] = static_cast<std::uint8_t>(bit / 8);
      bytes[k / 8][2 * (k % 8) + 1] = static_cast<std::uint8_t>(bit / 8 + 1 < 16 ? bit / 8 + 1 : 15);
      factors[k % 8] = static_cast<std::uint16_t>(1 << (8 - bit % 8));
    }
  }
};

/// 16 codes; reads 16 bytes.
template <int kBits>
HWY_INLINE void unpack_sixteen(const std::byte* from, std::uint8_t* codes) {
  static constexpr EightCodes<kBits> kWhere;
  const hn::FixedTag<std::uint8_t, 16> d8;
  const hn::FixedTag<std::uint16_t, 8> d16;
  const auto loaded = hn::LoadU(d8, reinterpret_cast<const std::uint8_t*>(from));
  const auto eight = [&](int half) HWY_ATTR {
    const auto words = hn::BitCast(d16, hn::TableLookupBytes(loaded, hn::Load(d8, kWhere.bytes[half])));
    const auto raised = hn::ShiftRight<8>(hn::Mul(words, hn::Load(d16, kWhere.factors)));
    const auto code = hn::And(raised, hn::Set(d16, std::uint16_t{(1u << kBits) - 1}));
    const hn::FixedTag<std::uint8_t, 8> half8;
    hn::StoreU(hn::DemoteTo(half8, hn::BitCast(hn::FixedTag<std::int16_t, 8>(), code)), half8,
               codes + 8 * half);
  };
  eight(0);
  eight(1);
}
#endif

/// `count` codes (a multiple of 8, or the last ones of a row) from their first byte on.
template <int kBits>
void unpack(const std::byte* from, std::size_t count, std::uint8_t* codes) {
  std::size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  if constexpr (kBits == 4) {
    const hn::FixedTag<std::uint8_t, 16> d8;
    for (; i + 32 <= count; i += 32) {
      const auto pairs = hn::LoadU(d8, reinterpret_cast<const std::uint8_t*>(from) + i / 2);
      const auto low = hn::And(pairs, hn::Set(d8, std::uint8_t{15})), high = hn::ShiftRight<4>(pairs);
      hn::StoreU(hn::InterleaveLower(d8, low, high), d8, codes + i);
      hn::StoreU(hn::InterleaveUpper(d8, low, high), d8, codes + i + 16);
    }
  } else if constexpr (kBits == 8) {
    std::memcpy(codes, from, count);
    return;
  } else {
    // 16 bytes are loaded for 16 codes: as long as there are so many.
    const std::size_t bytes = (count * kBits + 7) / 8;
    for (; i + 16 <= count && i / 8 * kBits + 16 <= bytes; i += 16)
      unpack_sixteen<kBits>(from + i / 8 * kBits, codes + i);
  }
#endif
  for (; i + 8 <= count; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, from + i / 8 * kBits, kBits);
    for (std::size_t k = 0; k < 8; ++k)
      codes[i + k] = static_cast<std::uint8_t>(word >> k * kBits & ((1u << kBits) - 1));
  }
  if (i < count) {
    std::uint64_t word = 0;
    std::memcpy(&word, from + i / 8 * kBits, ((count - i) * kBits + 7) / 8);
    for (std::size_t k = 0; i + k < count; ++k)
      codes[i + k] = static_cast<std::uint8_t>(word >> k * kBits & ((1u << kBits) - 1));
  }
}

void unpack_some(const AffineRows& layout, const std::byte* row, std::size_t first, std::size_t count,
                 std::uint8_t* codes) {
  const std::byte* from = row + layout.codes_at() + first / 8 * static_cast<std::size_t>(layout.bits());
  switch (layout.bits()) {
    case 2:
      return unpack<2>(from, count, codes);
    case 3:
      return unpack<3>(from, count, codes);
    case 4:
      return unpack<4>(from, count, codes);
    case 5:
      return unpack<5>(from, count, codes);
    case 6:
      return unpack<6>(from, count, codes);
    case 7:
      return unpack<7>(from, count, codes);
    default:
      return unpack<8>(from, count, codes);
  }
}

}  // namespace pq::affine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
