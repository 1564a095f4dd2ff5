// The layout in which grids are searched: a block of 256 weights is 8 units of 32, a unit is 4 pieces of 8.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pq::gguf_iq {

inline constexpr std::size_t kUnit = 32;
inline constexpr std::size_t kPieces = 4;  // of a unit
inline constexpr std::size_t kBlockUnits = 8;
inline constexpr std::size_t kBlockPieces = kPieces * kBlockUnits;

/// Where weight j of piece p of a block lies: a unit has the first halves of all pieces, then the second halves.
constexpr std::size_t place_of(std::size_t p, std::size_t j) noexcept {
  return kUnit * (p / kPieces) + 4 * (p % kPieces) + (j < 4 ? j : 16 + (j - 4));
}

/// Costs of points are integers below this: what the point adds to the squared error of the best levels, in units of 1 / kCostScale of the
/// group's importance times the scale squared.
inline constexpr float kCostLimit = 4095.0f;
inline constexpr float kCostScale = 512.0f;

/// Weights to look up. `costs`: importance, divided by its sum over the weights of one point, times kCostScale.
struct BlockWeights {
  const float* x;   // magnitudes, or weights where the grid has signs; aligned, as wx
  const float* wx;  // times importance
  const float* w;   // importance
  const float* costs;
  std::size_t units;  // 1..8
};

/// A point for each piece (two for grids of 4: of its first half and its second) and its sums.
struct BlockPoints {
  std::uint16_t codes[2][kBlockPieces] = {};
  alignas(64) float a[kBlockPieces];  // sum w x level
  alignas(64) float b[kBlockPieces];  // sum w level^2
};

}  // namespace pq::gguf_iq
