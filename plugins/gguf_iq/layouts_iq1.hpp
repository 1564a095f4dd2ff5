// The ternary grids of layouts.hpp.
#pragma once

#include "piece.hpp"

namespace pq::gguf_iq {

struct Iq1SBlock {
  std::uint16_t d;
  std::uint8_t codes[32];  // low 8 bits of the grid index
  std::uint16_t high[8];   // 4 times 3 bits of grid index, 3 bits of scale, the shift
};
static_assert(sizeof(Iq1SBlock) == 50 && alignof(Iq1SBlock) == 2);
struct Iq1S : FrontScale<Iq1SBlock> {
  static constexpr const char* kId = "iq1_s";
  static constexpr const char* kSummary = "1.56 bits, grid of 2048 points in 8 dimensions";
  static constexpr GridId kGrid = GridId::iq1s;
  static constexpr int kGroup = 32, kScaleCodes = 8;
  static constexpr bool kEvenSigns = false;
  using Block = Iq1SBlock;

  static int scale(const Block& block, int group) noexcept {
    return static_cast<int>(detail::get_bits(block.high[group], 12, 3));
  }
  static void set_scale(Block& block, int group, int code) noexcept {
    detail::put_bits(block.high[group], 12, 3, static_cast<unsigned>(code));
  }
  static Piece piece(const Block& block, int p) noexcept {
    const std::uint16_t high = block.high[p / 4];
    return {static_cast<std::uint16_t>(block.codes[p] | detail::get_bits(high, 3 * (p % 4), 3) << 8), 0, 0,
            (high & 0x8000) != 0};
  }
  /// The shift belongs to a whole group: the last one set counts.
  static void set_piece(Block& block, int p, const Piece& piece) noexcept {
    block.codes[p] = static_cast<std::uint8_t>(piece.first);
    detail::put_bits(block.high[p / 4], 3 * (p % 4), 3, static_cast<unsigned>(piece.first >> 8));
    detail::put_bits(block.high[p / 4], 15, 1, piece.shifted_down ? 1u : 0u);
  }
};

struct Iq1MBlock {
  std::uint8_t codes[32];  // low 8 bits of the grid index
  std::uint8_t high[16];   // a nibble for each piece: 3 bits of grid index, the shift
  std::uint16_t
      scales[4];  // 4 times 3 bits for 16 weights each; the top nibbles of all four are d, lowest first
};
static_assert(sizeof(Iq1MBlock) == 56 && alignof(Iq1MBlock) == 2);
struct Iq1M {
  static constexpr const char* kId = "iq1_m";
  static constexpr const char* kSummary = "1.75 bits, grid of 2048 points in 8 dimensions";
  static constexpr GridId kGrid = GridId::iq1s;
  static constexpr int kGroup = 16, kScaleCodes = 8;
  static constexpr bool kEvenSigns = false;
  using Block = Iq1MBlock;

  static float super_scale(const Block& block) noexcept {
    unsigned bits = 0;
    for (int i = 0; i < 4; ++i) bits |= static_cast<unsigned>(block.scales[i] >> 12) << 4 * i;
    return f16_to(static_cast<std::uint16_t>(bits));
  }
  static void set_super_scale(Block& block, float d) noexcept {
    const unsigned bits = f16_from(d);
    for (int i = 0; i < 4; ++i) detail::put_bits(block.scales[i], 12, 4, bits >> 4 * i & 15u);
  }
  static int scale(const Block& block, int group) noexcept {
    return static_cast<int>(detail::get_bits(block.scales[group / 4], 3 * (group % 4), 3));
  }
  static void set_scale(Block& block, int group, int code) noexcept {
    detail::put_bits(block.scales[group / 4], 3 * (group % 4), 3, static_cast<unsigned>(code));
  }
  static Piece piece(const Block& block, int p) noexcept {
    const unsigned nibble = detail::get_bits(block.high[p / 2], 4 * (p % 2), 4);
    return {static_cast<std::uint16_t>(block.codes[p] | (nibble & 7u) << 8), 0, 0, (nibble & 8u) != 0};
  }
  static void set_piece(Block& block, int p, const Piece& piece) noexcept {
    block.codes[p] = static_cast<std::uint8_t>(piece.first);
    detail::put_bits(block.high[p / 2], 4 * (p % 2), 4,
                     static_cast<unsigned>(piece.first >> 8) | (piece.shifted_down ? 8u : 0u));
  }
};

}  // namespace pq::gguf_iq
