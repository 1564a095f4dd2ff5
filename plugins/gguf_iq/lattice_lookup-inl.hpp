// Look-up of grid points with SIMD. Compiled once per instruction set; all give the bits of lattice_plain-inl.hpp. Include after
// hwy/foreach_target.h.
//
// Each weight is rounded to its nearest level; the cell that these name has a list of points. A point costs the sum over its weights of what
// their levels add to the error: integers, so that their sum does not depend on the order. 16-entry tables (one weight of 8 levels, or two of
// 3) give the costs of 16 points at once with byte shuffles. The number of a point in its list sits in the low 4 bits of its cost: the
// smallest number is the cheapest point, the nearest to the cell of equals.

// clang-format off
#if defined(PQ_GGUF_LATTICE_LOOKUP_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef PQ_GGUF_LATTICE_LOOKUP_INL_HPP
#undef PQ_GGUF_LATTICE_LOOKUP_INL_HPP
#else
#define PQ_GGUF_LATTICE_LOOKUP_INL_HPP
#endif
// clang-format on

#include "lattice_costs-inl.hpp"
#include "lattice_plain-inl.hpp"
#include "lattice_tables.hpp"

#include <hwy/cache_control.h>

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace pq::gguf_iq::HWY_NAMESPACE {

/// 16 bytes from each of kBlocks addresses.
HWY_INLINE V8 gather_bytes(const std::uint8_t* const* from) {
  const U8 d;
  if constexpr (kLanes == 4) {
    return hn::Load(d, from[0]);
  } else {
    const hn::Half<U8> half;
    if constexpr (kLanes == 8) {
      return hn::Combine(d, hn::Load(half, from[1]), hn::Load(half, from[0]));
    } else {
      const hn::Half<decltype(half)> quarter;
      return hn::Combine(d, hn::Combine(half, hn::Load(quarter, from[3]), hn::Load(quarter, from[2])),
                         hn::Combine(half, hn::Load(quarter, from[1]), hn::Load(quarter, from[0])));
    }
  }
}
HWY_INLINE VF gather_floats(const float* const* from) {
  const std::uint8_t* bytes[kBlocks];
  for (std::size_t k = 0; k < kBlocks; ++k) bytes[k] = reinterpret_cast<const std::uint8_t*>(from[k]);
  return hn::BitCast(F32(), gather_bytes(bytes));
}

/// Costs of 16 points of each list and their numbers; the smallest of each list is the first word of its 16 bytes.
template <int kElements>
HWY_INLINE V16 cheapest_keys(const std::uint8_t* const* lists, const ByteTables& tables) {
  const U16 d;
  const V8 nibble = hn::Set(U8(), std::uint8_t{15}), eight = hn::Set(U8(), std::uint8_t{8});
  const std::uint8_t* next[kBlocks];
  for (std::size_t k = 0; k < kBlocks; ++k) next[k] = lists[k] + kListHalf;
  const V8 low_bytes = gather_bytes(lists), high_bytes = gather_bytes(next);
  const V8 index[4] = {hn::And(low_bytes, nibble),
                       hn::And(hn::BitCast(U8(), hn::ShiftRight<4>(hn::BitCast(d, low_bytes))), nibble),
                       hn::And(high_bytes, nibble),
                       hn::And(hn::BitCast(U8(), hn::ShiftRight<4>(hn::BitCast(d, high_bytes))), nibble)};
  V16 lower = hn::Zero(d), upper = hn::Zero(d);
  for (std::size_t p = 0; p < 4; ++p) {
    const V8 low = hn::TableLookupBytes(tables.low[p], index[p]);
    const V8 high = kElements == 4 ? hn::TableLookupBytes(tables.low[p], hn::Or(index[p], eight))
                                   : hn::TableLookupBytes(tables.high[p], index[p]);
    lower = hn::Add(lower, hn::BitCast(d, hn::InterleaveLower(U8(), low, high)));
    upper = hn::Add(upper, hn::BitCast(d, hn::InterleaveUpper(U8(), low, high)));
  }
  alignas(16) static constexpr std::uint16_t kNumbers[16] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                             8, 9, 10, 11, 12, 13, 14, 15};
  const V16 limit = hn::Set(d, static_cast<std::uint16_t>(kCostLimit));
  const auto key = [&](V16 cost, const std::uint16_t* numbers) HWY_ATTR {
    return hn::Or(hn::ShiftLeft<4>(hn::Min(cost, limit)), hn::LoadDup128(d, numbers));
  };
  V16 least = hn::Min(key(lower, kNumbers), key(upper, kNumbers + 8));
  const auto fold = [&](V8 shifted) HWY_ATTR { least = hn::Min(least, hn::BitCast(d, shifted)); };
  fold(hn::ShiftRightBytes<8>(U8(), hn::BitCast(U8(), least)));
  fold(hn::ShiftRightBytes<4>(U8(), hn::BitCast(U8(), least)));
  fold(hn::ShiftRightBytes<2>(U8(), hn::BitCast(U8(), least)));
  return least;
}

/// Levels of the first and second halves of kBlocks pieces.
struct HalfLevels {
  VF a, b;
};
HWY_INLINE HalfLevels piece_values(const GridView& grid, const std::uint16_t* codes) {
  const float *a[kBlocks], *b[kBlocks];
  for (std::size_t k = 0; k < kBlocks; ++k) {
    const unsigned low = codes[k] & 255u, high = codes[k] >> 8u;
    // Levels of weights 0 to 3 (the low halves of the nibbles), and of 4 to 7.
    const unsigned first = (low & 3u) | (low >> 2 & 12u) | (high & 3u) << 4 | (high << 2 & 192u);
    const unsigned second = (low >> 2 & 3u) | (low >> 4 & 12u) | (high << 2 & 48u) | (high & 192u);
    a[k] = grid.quads[first].levels;
    b[k] = grid.quads[second].levels;
  }
  return {gather_floats(a), gather_floats(b)};
}
HWY_INLINE VF half_values(const GridView& grid, const std::uint16_t* codes) {
  const float *low[kBlocks], *high[kBlocks];
  for (std::size_t k = 0; k < kBlocks; ++k) {
    low[k] = grid.quads[codes[k] & 255u].levels;
    high[k] = grid.quads[codes[k] >> 8u].levels;
  }
  // Each table entry holds its two levels twice.
  const U64 d;
  return hn::BitCast(F32(),
                     hn::OddEven(hn::BitCast(d, gather_floats(high)), hn::BitCast(d, gather_floats(low))));
}

/// Sums of each 4 lanes, in the first of them.
HWY_INLINE VF sum_of_four(VF v) {
  const VF pairs = hn::Add(v, hn::Shuffle2301(v));
  return hn::Add(pairs, hn::Shuffle1032(pairs));
}

/// Weights of a block in units of the scale; the scale is the same for 4 lanes.
class Scaled {
 public:
  Scaled(const BlockWeights& block, const float* scales) : block_(block) {
    for (std::size_t p = 0; p < kBlockPieces; ++p)
      inverse_[p] = p < kPieces * block.units ? inverse_or_zero(scales[p]) : 0.0f;
  }
  /// First (0) or second (1) halves of the kBlocks pieces from `p` on.
  HWY_INLINE VF half(std::size_t p, std::size_t which) const {
    alignas(64) static constexpr std::uint8_t kSpread[64] = {
        0, 1, 2,  3,  0,  1,  2,  3,  0,  1,  2,  3,  0,  1,  2,  3,  4,  5,  6,  7, 4,  5,
        6, 7, 4,  5,  6,  7,  4,  5,  6,  7,  8,  9,  10, 11, 8,  9,  10, 11, 8,  9, 10, 11,
        8, 9, 10, 11, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15};
    const F32 d;
    const std::size_t in_unit = p % kPieces;
    const V8 four = hn::BitCast(U8(), hn::LoadDup128(d, inverse_ + (p - in_unit)));
    const VF inverse = hn::BitCast(d, hn::TableLookupBytes(four, hn::Load(U8(), kSpread + 16 * in_unit)));
    return hn::Mul(hn::Load(d, block_.x + start(p, which)), inverse);
  }
  HWY_INLINE VF costs(std::size_t p, std::size_t which) const {
    return hn::LoadU(F32(), block_.costs + start(p, which));
  }
  static constexpr std::size_t start(std::size_t p, std::size_t which) {
    return kUnit * (p / kPieces) + 4 * (p % kPieces) + 16 * which;
  }

 private:
  const BlockWeights& block_;
  alignas(64) float inverse_[kBlockPieces];
};

/// Lists of all pieces: kBlocks first halves, then (grids of 4) the second halves of the same pieces, and so on.
template <int kElements>
struct Lists {
  static constexpr std::size_t kHalves = kElements == 4 ? 2 : 1;
  const std::uint8_t* at[kHalves * kBlockPieces];
  HWY_ALIGN std::uint16_t
      keys[2][8 * kHalves * kBlockPieces];  // from the first 16 points of each, from the next

  HWY_INLINE void find(const GridView& grid, const Scaled& weights, std::size_t pieces) {
    HWY_ALIGN std::uint32_t cells[kHalves * kBlockPieces * 4];
    for (std::size_t p = 0; p < pieces; p += kBlocks)
      store_cells<kElements>(grid.levels, weights.half(p, 0), weights.half(p, 1), cells + 4 * kHalves * p);
    for (std::size_t k = 0; k < kHalves * pieces; ++k) {
      at[k] = grid.tables->list(cells[4 * k]);
      hwy::Prefetch(at[k]);
    }
  }
  HWY_INLINE void scan(std::size_t first, const ByteTables& tables, bool wide) {
    hn::Store(cheapest_keys<kElements>(at + first, tables), U16(), keys[0] + 8 * first);
    if (!wide) return;
    const std::uint8_t* rest[kBlocks];
    for (std::size_t k = 0; k < kBlocks; ++k) rest[k] = at[first + k] + 2 * kListHalf;
    hn::Store(cheapest_keys<kElements>(rest, tables), U16(), keys[1] + 8 * first);
  }
  HWY_INLINE std::uint16_t code(std::size_t k, bool wide) const {
    const unsigned key = keys[0][8 * k];
    std::size_t place = key & 15u;
    if (wide && keys[1][8 * k] >> 4 < key >> 4) place = 2 * kListHalf + (keys[1][8 * k] & 15u);
    return static_cast<std::uint16_t>(at[k][place] | at[k][place + kListHalf] << 8);
  }
};

/// Points for the scales of all pieces. Three passes, so that the machine has independent work while it waits for lists.
template <int kElements>
HWY_INLINE void look_up(const GridView& grid, const BlockWeights& block, const float* scales,
                        BlockPoints& out) {
  const F32 d;
  const std::size_t pieces = kPieces * block.units;
  const Scaled weights(block, scales);
  Lists<kElements> lists;
  lists.find(grid, weights, pieces);
  for (std::size_t p = 0; p < pieces; p += kBlocks) {
    const Half a{weights.half(p, 0), weights.costs(p, 0), hn::Zero(d)},
        b{weights.half(p, 1), weights.costs(p, 1), hn::Zero(d)};
    ByteTables first;
    if constexpr (kElements == 8) {
      make_tables(grid.levels, a, b, first);
      lists.scan(p, first, grid.wide);
    } else {
      ByteTables second;
      make_tables(grid.levels, a, b, first, second);
      lists.scan(2 * p, first, grid.wide);
      lists.scan(2 * p + kBlocks, second, grid.wide);
    }
  }
  for (std::size_t p = 0; p < pieces; p += kBlocks) {
    HalfLevels levels;
    if constexpr (kElements == 8) {
      for (std::size_t k = 0; k < kBlocks; ++k) out.codes[0][p + k] = lists.code(p + k, grid.wide);
      levels = piece_values(grid, out.codes[0] + p);
    } else {
      for (std::size_t k = 0; k < kBlocks; ++k) {
        out.codes[0][p + k] = lists.code(2 * p + k, grid.wide);
        out.codes[1][p + k] = lists.code(2 * p + kBlocks + k, grid.wide);
      }
      levels = {half_values(grid, out.codes[0] + p), half_values(grid, out.codes[1] + p)};
    }
    const std::size_t one = Scaled::start(p, 0), two = Scaled::start(p, 1);
    const VF sum_a = hn::Add(hn::Mul(hn::Load(d, block.wx + one), levels.a),
                             hn::Mul(hn::Load(d, block.wx + two), levels.b));
    const VF sum_b = hn::Add(hn::Mul(hn::Mul(hn::LoadU(d, block.w + one), levels.a), levels.a),
                             hn::Mul(hn::Mul(hn::LoadU(d, block.w + two), levels.b), levels.b));
    HWY_ALIGN float sums[2 * kLanes];
    hn::Store(sum_of_four(sum_a), d, sums);
    hn::Store(sum_of_four(sum_b), d, sums + kLanes);
    for (std::size_t k = 0; k < kBlocks; ++k) {
      out.a[p + k] = sums[4 * k];
      out.b[p + k] = sums[kLanes + 4 * k];
    }
  }
}

}  // namespace pq::gguf_iq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
