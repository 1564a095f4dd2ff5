#include "affine/kernels.hpp"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "affine/codes.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace pq::affine::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using F32 = hn::CappedTag<float, 16>;
using I32 = hn::Rebind<std::int32_t, F32>;
using U8 = hn::Rebind<std::uint8_t, F32>;
constexpr std::size_t kLanes = hn::MaxLanes(F32());

/// code_for() for as many of the weights as fill vectors; returns how many these are.
template <AffineZero kKind>
std::size_t codes_of(const float* weights, std::size_t count, GroupFit fit, float highest_code,
                     std::uint8_t* codes) {
  const F32 d;
  const auto limit = hn::Set(d, kLargestPeak), none = hn::Zero(d), highest = hn::Set(d, highest_code),
             zero = hn::Set(d, fit.zero), divisor = hn::Set(d, fit.scale == 0.0f ? HUGE_VALF : fit.scale);
  const std::size_t whole = count / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    const auto value = hn::LoadU(d, weights + i), number = hn::IfThenElseZero(hn::Eq(value, value), value);
    const auto x = hn::Min(hn::Max(number, hn::Neg(limit)), limit);
    auto code = none;
    if constexpr (kKind == AffineZero::offset)
      code = hn::Round(hn::Div(hn::Sub(x, zero), divisor));
    else if constexpr (kKind == AffineZero::real)
      code = hn::Round(hn::Add(hn::Div(x, divisor), zero));
    else
      code = hn::Add(hn::Round(hn::Div(x, divisor)), zero);
    code = hn::Min(hn::Max(code, none), highest);
    hn::StoreU(hn::DemoteTo(U8(), hn::ConvertTo(I32(), code)), U8(), codes + i);
  }
  return whole;
}

void choose(const float* weights, std::size_t count, GroupFit fit, const AffineRows& layout,
            std::uint8_t* codes) {
  const AffineZero kind = layout.zero_kind();
  const auto highest = static_cast<float>(layout.max_code());
  std::size_t done = 0;
  if (kind == AffineZero::offset)
    done = codes_of<AffineZero::offset>(weights, count, fit, highest, codes);
  else if (kind == AffineZero::real)
    done = codes_of<AffineZero::real>(weights, count, fit, highest, codes);
  else
    done = codes_of<AffineZero::integer>(weights, count, fit, highest, codes);
  for (std::size_t i = done; i < count; ++i)
    codes[i] = static_cast<std::uint8_t>(code_for(finite_weight(weights[i]), fit, kind, highest));
}

/// value_of() for all the codes.
template <AffineZero kKind>
void values_of(const std::uint8_t* codes, std::size_t count, GroupFit fit, float* out) {
  const F32 d;
  const auto scale = hn::Set(d, fit.scale), zero = hn::Set(d, fit.zero);
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const auto code = hn::ConvertTo(d, hn::PromoteTo(I32(), hn::LoadU(U8(), codes + i)));
    if constexpr (kKind == AffineZero::offset)
      hn::StoreU(hn::Add(hn::Mul(scale, code), zero), d, out + i);
    else
      hn::StoreU(hn::Mul(scale, hn::Sub(code, zero)), d, out + i);
  }
  for (; i < count; ++i) out[i] = value_of(static_cast<float>(codes[i]), fit, kKind);
}

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

void values_of(const AffineRows& layout, const std::uint8_t* codes, std::size_t count, GroupFit fit,
               float* out) {
  if (layout.zero_kind() == AffineZero::offset) return values_of<AffineZero::offset>(codes, count, fit, out);
  return values_of<AffineZero::integer>(codes, count, fit, out);
}

void decode(const AffineRows& layout, const std::byte* row, const std::int32_t* groups, float* out) {
  constexpr std::size_t kChunk = 512;  // codes at once, a multiple of 8
  alignas(64) std::uint8_t codes[kChunk];
  for (std::size_t first = 0; first < layout.cols(); first += kChunk) {
    const std::size_t end = std::min(first + kChunk, layout.cols());
    unpack_some(layout, row, first, end - first, codes);
    for (std::size_t i = first; i < end;) {
      const std::size_t group =
          groups != nullptr ? static_cast<std::size_t>(groups[i]) : i / layout.group_cols();
      const std::size_t next = groups != nullptr ? i + 1 : std::min((group + 1) * layout.group_cols(), end);
      values_of(layout, codes + (i - first), next - i, load_fit(layout, row, group), out + i);
      i = next;
    }
  }
}

}  // namespace pq::affine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::affine {
HWY_EXPORT(choose);
HWY_EXPORT(decode);
void choose_codes(const float* weights, std::size_t count, GroupFit fit, const AffineRows& layout,
                  std::uint8_t* codes) {
  HWY_DYNAMIC_DISPATCH(choose)(weights, count, fit, layout, codes);
}
void decode_row(const AffineRows& layout, const std::byte* row, const std::int32_t* groups, float* out) {
  HWY_DYNAMIC_DISPATCH(decode)(layout, row, groups, out);
}
}  // namespace pq::affine
#endif
