// Search structures of a grid, built on first use (milliseconds) and kept: for every combination of levels ("cell") the grid points
// nearest to it. The weights of a piece, each rounded to its nearest level, name the cell whose list is searched.
//
// Points are handled as "nibble codes" of 16 bits. Grids of 8: nibble p holds the levels of weight p (low 2 bits) and weight p + 4. Grids
// of 4: nibble j holds the level of weight j. Byte 0 has nibbles 0 and 1, byte 1 has 2 and 3.
#pragma once

#include "grids.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace pq::gguf_iq {

inline constexpr std::size_t kListHalf = 16;  // points looked at together
inline constexpr std::size_t kListBytes =
    4 * kListHalf;  // low bytes and high bytes of 16 points, nearest first; then of the next 16

struct LatticeTables {
  explicit LatticeTables(GridId id);

  const std::uint8_t* list(std::size_t cell) const noexcept { return lists.get() + cell * kListBytes; }

  /// The levels of four weights for a byte; for grids of 8 one for each direction of the shift (the same if there is none).
  /// Grids of 8: two bits for each weight. Grids of 4: a nibble each for two weights, so two numbers are used.
  struct alignas(16) Quad {
    float levels[4];
  };
  Quad quads[2][256];
  std::vector<std::uint16_t> index_of;  // of a nibble code
  struct Free {
    void operator()(std::uint8_t* p) const noexcept { ::operator delete[](p, std::align_val_t{64}); }
  };
  std::unique_ptr<std::uint8_t[], Free> lists;
};

/// Thread-safe; the same object for every call.
const LatticeTables& lattice_tables(GridId id);

/// What a look-up needs to know about a grid.
struct GridView {
  const LatticeTables* tables;
  const float* levels;               // 3 or 8
  const LatticeTables::Quad* quads;  // for the same direction of the shift
  bool wide;                         // look at 32 points instead of 16
};
inline GridView grid_view(GridId id, bool shifted_down, bool wide) {
  const LatticeTables& tables = lattice_tables(id);
  return {&tables, levels_of(id, shifted_down).data(), tables.quads[shifted_down ? 1 : 0], wide};
}

/// The nibble code of level numbers.
std::uint16_t nibble_code(GridId id, const std::uint8_t* levels) noexcept;

}  // namespace pq::gguf_iq
