// What the levels of weights cost, as tables for byte shuffles (see lattice_lookup-inl.hpp). Include after hwy/foreach_target.h.

// clang-format off
#if defined(PQ_GGUF_LATTICE_COSTS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef PQ_GGUF_LATTICE_COSTS_INL_HPP
#undef PQ_GGUF_LATTICE_COSTS_INL_HPP
#else
#define PQ_GGUF_LATTICE_COSTS_INL_HPP
#endif
// clang-format on

#include "lattice_unit.hpp"

#include <polyquant/codec/quick_search-inl.hpp>

#include <cstddef>
#include <cstdint>

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace pq::gguf_iq::HWY_NAMESPACE {
using namespace pq::HWY_NAMESPACE;

using U8 = hn::Repartition<std::uint8_t, F32>;
using U16 = hn::Repartition<std::uint16_t, F32>;
using I16 = hn::Repartition<std::int16_t, F32>;
using U64 = hn::Repartition<std::uint64_t, F32>;
using V8 = hn::Vec<U8>;
using V16 = hn::Vec<U16>;
constexpr std::size_t kBlocks = kLanes / 4;  // pieces side by side, each in 16 bytes

/// Small integers in the low halves of f32 lanes after adding 2^23; those of two vectors side by side.
HWY_INLINE V16 pair_words(VF even, VF odd) {
  const V16 high = hn::BitCast(U16(), hn::ShiftLeft<16>(hn::BitCast(U32(), odd)));
  return hn::OddEven(high, hn::BitCast(U16(), even));
}
HWY_INLINE VF to_integer(VF x) { return hn::Add(x, hn::Set(F32(), 8388608.0f)); }

/// First or second halves of kBlocks pieces: weights in units of the scale, what their squared errors cost, and the least of those.
struct Half {
  VF t, cost, least;
};
HWY_INLINE VF level_cost(const Half& half, VF square) {
  return to_integer(hn::Min(hn::Mul(hn::Sub(square, half.least), half.cost), hn::Set(F32(), kCostLimit)));
}
HWY_INLINE VF square_to(VF t, float level) {
  const VF difference = hn::Sub(t, hn::Set(F32(), level));
  return hn::Mul(difference, difference);
}

/// Low and high bytes of 16-entry tables, one table for each 16 bytes.
struct ByteTables {
  V8 low[4], high[4];
};

/// Numbers of the nearest levels.
template <int kElements>
HWY_INLINE VF nearest_level(const float* levels, VF t) {
  const F32 d;
  if constexpr (kElements == 4) {
    const VF number = hn::Round(hn::Mul(hn::Sub(t, hn::Set(d, 1.0f)), hn::Set(d, 0.5f)));
    return hn::Min(hn::Max(number, hn::Zero(d)), hn::Set(d, 7.0f));
  } else {
    const VF one = hn::Set(d, 1.0f), twice = hn::Add(t, t);
    return hn::Add(hn::IfThenElseZero(hn::Gt(twice, hn::Set(d, levels[0] + levels[1])), one),
                   hn::IfThenElseZero(hn::Gt(twice, hn::Set(d, levels[1] + levels[2])), one));
  }
}

/// The cells of the pieces: the sum of levels times powers over the words of a piece (kElements 8), or of each half (4).
template <int kElements>
HWY_INLINE void store_cells(const float* levels, VF a, VF b, std::uint32_t* out) {
  alignas(16) static constexpr std::int16_t kPowers3[8] = {1, 81, 3, 243, 9, 729, 27, 2187};
  alignas(16) static constexpr std::int16_t kPowers8[8] = {1, 0, 8, 0, 64, 0, 512, 0};
  const I16 d;
  const auto words = hn::BitCast(d, pair_words(to_integer(nearest_level<kElements>(levels, a)),
                                               to_integer(nearest_level<kElements>(levels, b))));
  const auto sum = [&](auto powers) HWY_ATTR {
    VI sums = multiply_pairs(words, powers);
    sums = hn::Add(sums, hn::Shuffle2301(sums));
    return hn::Add(sums, hn::Shuffle1032(sums));
  };
  const auto powers = hn::LoadDup128(d, kElements == 4 ? kPowers8 : kPowers3);
  hn::Store(hn::BitCast(U32(), sum(powers)), U32(), out);
  if constexpr (kElements == 4) {
    const auto second = hn::BitCast(d, hn::ShiftLeft<16>(hn::BitCast(U32(), powers)));
    hn::Store(hn::BitCast(U32(), sum(second)), U32(), out + kLanes);
  }
}

HWY_INLINE V8 split_bytes(V16 words) {
  alignas(16) static constexpr std::uint8_t kSplit[16] = {0, 2, 4, 6, 8, 10, 12, 14,
                                                          1, 3, 5, 7, 9, 11, 13, 15};
  return hn::TableLookupBytes(hn::BitCast(U8(), words), hn::LoadDup128(U8(), kSplit));
}

/// For grids of 8: words of three levels, tables of pairs.
HWY_INLINE void make_tables(const float* levels, Half a, Half b, ByteTables& out) {
  const U32 du;
  const U64 d64;
  V16 words[3];
  VF squares_a[3], squares_b[3];
  for (std::size_t l = 0; l < 3; ++l) {
    squares_a[l] = square_to(a.t, levels[l]);
    squares_b[l] = square_to(b.t, levels[l]);
  }
  a.least = hn::Min(hn::Min(squares_a[0], squares_a[1]), squares_a[2]);
  b.least = hn::Min(hn::Min(squares_b[0], squares_b[1]), squares_b[2]);
  for (std::size_t l = 0; l < 3; ++l)
    words[l] = pair_words(level_cost(a, squares_a[l]), level_cost(b, squares_b[l]));

  // Words of a piece: weights 0 4 1 5 2 6 3 7. A row becomes the levels 0 1 2 2 of weight p, then those of weight p + 4.
  const VU lower01 = hn::BitCast(du, hn::InterleaveLower(U16(), words[0], words[1])),
           upper01 = hn::BitCast(du, hn::InterleaveUpper(U16(), words[0], words[1])),
           lower22 = hn::BitCast(du, hn::InterleaveLower(U16(), words[2], words[2])),
           upper22 = hn::BitCast(du, hn::InterleaveUpper(U16(), words[2], words[2]));
  const VU rows[4] = {hn::InterleaveLower(du, lower01, lower22), hn::InterleaveUpper(du, lower01, lower22),
                      hn::InterleaveLower(du, upper01, upper22), hn::InterleaveUpper(du, upper01, upper22)};
  alignas(16) static constexpr std::uint8_t kLow[16] = {8,  9,  8,  9,  8,  9,  8,  9,
                                                        10, 11, 10, 11, 10, 11, 10, 11};
  alignas(16) static constexpr std::uint8_t kHigh[16] = {12, 13, 12, 13, 12, 13, 12, 13,
                                                         14, 15, 14, 15, 14, 15, 14, 15};
  const V8 pick_low = hn::LoadDup128(U8(), kLow), pick_high = hn::LoadDup128(U8(), kHigh);
  for (std::size_t p = 0; p < 4; ++p) {
    const auto row64 = hn::BitCast(d64, rows[p]);
    const V8 row = hn::BitCast(U8(), rows[p]);
    const V16 first = hn::BitCast(U16(), hn::InterleaveLower(d64, row64, row64));
    const V16 entries_low = hn::Add(first, hn::BitCast(U16(), hn::TableLookupBytes(row, pick_low)));
    const V16 entries_high = hn::Add(first, hn::BitCast(U16(), hn::TableLookupBytes(row, pick_high)));
    const auto bytes_low = hn::BitCast(d64, split_bytes(entries_low)),
               bytes_high = hn::BitCast(d64, split_bytes(entries_high));
    out.low[p] = hn::BitCast(U8(), hn::InterleaveLower(d64, bytes_low, bytes_high));
    out.high[p] = hn::BitCast(U8(), hn::InterleaveUpper(d64, bytes_low, bytes_high));
  }
}

/// For grids of 4: tables of the four weights of first halves and of second halves.
HWY_INLINE void make_tables(const float* levels, Half a, Half b, ByteTables& first, ByteTables& second) {
  const U32 du;
  const U64 d64;
  VF squares_a[8], squares_b[8];
  for (std::size_t l = 0; l < 8; ++l) {
    squares_a[l] = square_to(a.t, levels[l]);
    squares_b[l] = square_to(b.t, levels[l]);
    a.least = l == 0 ? squares_a[0] : hn::Min(a.least, squares_a[l]);
    b.least = l == 0 ? squares_b[0] : hn::Min(b.least, squares_b[l]);
  }
  V16 words[8];
  for (std::size_t l = 0; l < 8; ++l)
    words[l] = pair_words(level_cost(a, squares_a[l]), level_cost(b, squares_b[l]));

  // Words of a piece: weights 0 4 1 5 2 6 3 7. Transposed, so that a vector holds all levels of one weight.
  VU lower[4], upper[4];
  for (std::size_t k = 0; k < 4; ++k) {
    lower[k] = hn::BitCast(du, hn::InterleaveLower(U16(), words[2 * k], words[2 * k + 1]));
    upper[k] = hn::BitCast(du, hn::InterleaveUpper(U16(), words[2 * k], words[2 * k + 1]));
  }
  const auto finish = [&](const VU* rows, std::size_t j, std::size_t weight) HWY_ATTR {
    const auto low =
        j == 0 ? hn::InterleaveLower(du, rows[0], rows[1]) : hn::InterleaveUpper(du, rows[0], rows[1]);
    const auto high =
        j == 0 ? hn::InterleaveLower(du, rows[2], rows[3]) : hn::InterleaveUpper(du, rows[2], rows[3]);
    const auto low64 = hn::BitCast(d64, low), high64 = hn::BitCast(d64, high);
    first.low[weight] = split_bytes(hn::BitCast(U16(), hn::InterleaveLower(d64, low64, high64)));
    second.low[weight] = split_bytes(hn::BitCast(U16(), hn::InterleaveUpper(d64, low64, high64)));
  };
  finish(lower, 0, 0);
  finish(lower, 1, 1);
  finish(upper, 0, 2);
  finish(upper, 1, 3);
}

}  // namespace pq::gguf_iq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
