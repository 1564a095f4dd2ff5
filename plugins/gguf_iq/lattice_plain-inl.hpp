// Look-up of grid points in plain loops: the definition, for machines without SIMD and to test the SIMD version (lattice_lookup-inl.hpp) with.
// Include after hwy/foreach_target.h.

// clang-format off
#if defined(PQ_GGUF_LATTICE_PLAIN_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef PQ_GGUF_LATTICE_PLAIN_INL_HPP
#undef PQ_GGUF_LATTICE_PLAIN_INL_HPP
#else
#define PQ_GGUF_LATTICE_PLAIN_INL_HPP
#endif
// clang-format on

#include "lattice_tables.hpp"
#include "lattice_unit.hpp"

#include <polyquant/codec/rounding.hpp>

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#if HWY_TARGET == HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace pq::gguf_iq::HWY_NAMESPACE {

template <int kElements>
constexpr std::size_t kLevelCount = kElements == 4 ? 8 : 3;

/// Costs of all levels of one weight, and its nearest level.
template <int kElements>
std::size_t level_costs(const float* levels, float t, float cost, std::uint32_t* out) {
  constexpr std::size_t kCount = kLevelCount<kElements>;
  float squares[kCount];
  float least = 0;
  for (std::size_t l = 0; l < kCount; ++l) {
    const float difference = t - levels[l];
    squares[l] = difference * difference;
    least = l == 0 ? squares[0] : std::min(least, squares[l]);
  }
  for (std::size_t l = 0; l < kCount; ++l)
    out[l] = static_cast<std::uint32_t>(round_even(std::min((squares[l] - least) * cost, kCostLimit)));
  if constexpr (kElements == 4)
    return static_cast<std::size_t>(std::min(std::max(round_even((t - 1.0f) * 0.5f), 0.0f), 7.0f));
  else
    return (t + t > levels[0] + levels[1] ? 1u : 0u) + (t + t > levels[1] + levels[2] ? 1u : 0u);
}

/// The cheapest point for the weights at `places` (4 or 8 of them).
template <int kElements>
std::uint16_t cheapest_point(const GridView& grid, const BlockWeights& block, float inverse,
                             const std::size_t* places) {
  std::uint32_t costs[kElements][8];
  std::size_t cell = 0, power = 1;
  for (std::size_t j = 0; j < kElements; ++j, power *= kLevelCount<kElements>)
    cell += power * level_costs<kElements>(grid.levels, block.x[places[j]] * inverse, block.costs[places[j]],
                                           costs[j]);
  const std::uint8_t* list = grid.tables->list(cell);
  std::uint32_t best_cost = 0;
  std::uint16_t best = 0;
  for (std::size_t k = 0; k < (grid.wide ? 2 : 1) * kListHalf; ++k) {
    const std::size_t at = k / kListHalf * 2 * kListHalf + k % kListHalf;
    const unsigned code = list[at] | static_cast<unsigned>(list[at + kListHalf]) << 8;
    std::uint32_t cost = 0;
    for (std::size_t p = 0; p < 4; ++p) {
      const unsigned nibble = code >> 4 * p & 15u;
      if constexpr (kElements == 4)
        cost += costs[p][nibble];
      else
        cost += costs[p][nibble & 3u] + costs[p + 4][nibble >> 2];
    }
    cost = std::min(cost, static_cast<std::uint32_t>(kCostLimit));
    if (k == 0 || cost < best_cost) {
      best_cost = cost;
      best = static_cast<std::uint16_t>(code);
    }
  }
  return best;
}

/// The levels of a piece.
template <int kElements>
void piece_values(const GridView& grid, const BlockPoints& points, std::size_t p, float* out) {
  for (std::size_t j = 0; j < 8; ++j) {
    const unsigned nibble = points.codes[kElements == 4 ? j / 4 : 0][p] >> 4 * (j % 4) & 15u;
    const unsigned level = kElements == 4 ? nibble : j < 4 ? nibble & 3u : nibble >> 2;
    out[j] = grid.levels[level];
  }
}

/// Points for the scales of all pieces.
template <int kElements>
void look_up(const GridView& grid, const BlockWeights& block, const float* scales, BlockPoints& out) {
  for (std::size_t p = 0; p < kPieces * block.units; ++p) {
    const float inverse = inverse_or_zero(scales[p]);
    std::size_t places[8];
    for (std::size_t j = 0; j < 8; ++j) places[j] = place_of(p, j);
    out.codes[0][p] = cheapest_point<kElements>(grid, block, inverse, places);
    if constexpr (kElements == 4) out.codes[1][p] = cheapest_point<4>(grid, block, inverse, places + 4);
    float levels[8], a[4], b[4];
    piece_values<kElements>(grid, out, p, levels);
    for (std::size_t j = 0; j < 4; ++j) {
      const std::size_t first = places[j], second = places[j + 4];
      a[j] = block.wx[first] * levels[j] + block.wx[second] * levels[j + 4];
      b[j] = (block.w[first] * levels[j]) * levels[j] + (block.w[second] * levels[j + 4]) * levels[j + 4];
    }
    out.a[p] = (a[0] + a[1]) + (a[2] + a[3]);
    out.b[p] = (b[0] + b[1]) + (b[2] + b[3]);
  }
}

}  // namespace pq::gguf_iq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
