// The blocks of GGUF's codebook encodings (llama.cpp ggml-common.h). Little-endian, no padding, every d is f16. 256 weights are 8 groups
// of 32, each of which is 4 pieces of 8 weights; a grid entry gives the magnitudes of a piece, or of half of it.
//
// In units in which the grids' levels are as grids.hpp says, the value of every one of them is
//   w = d * (2 * scale_code + 1) * level * sign.
#pragma once

#include "layouts_iq1.hpp"
#include "piece.hpp"

namespace pq::gguf_iq {

struct Iq2XxsBlock {
  std::uint16_t d;
  std::uint8_t groups[8][8];  // 4 grid indices; then 32 bits: 4 times 7 signs, 4 bits of scale
};
static_assert(sizeof(Iq2XxsBlock) == 66 && alignof(Iq2XxsBlock) == 2);
struct Iq2Xxs : FrontScale<Iq2XxsBlock> {
  static constexpr const char* kId = "iq2_xxs";
  static constexpr const char* kSummary = "2.06 bits, grid of 256 points in 8 dimensions";
  static constexpr GridId kGrid = GridId::iq2xxs;
  static constexpr int kGroup = 32, kScaleCodes = 16;
  static constexpr bool kEvenSigns = true;
  using Block = Iq2XxsBlock;

  static int scale(const Block& block, int group) noexcept {
    return static_cast<int>(detail::load_word(block.groups[group] + 4) >> 28);
  }
  static void set_scale(Block& block, int group, int code) noexcept {
    detail::put_word_bits(block.groups[group] + 4, 28, 4, static_cast<unsigned>(code));
  }
  static Piece piece(const Block& block, int p) noexcept {
    const std::uint8_t* group = block.groups[p / 4];
    return {group[p % 4], 0,
            detail::with_parity(detail::get_bits(detail::load_word(group + 4), 7 * (p % 4), 7))};
  }
  static void set_piece(Block& block, int p, const Piece& piece) noexcept {
    std::uint8_t* group = block.groups[p / 4];
    group[p % 4] = static_cast<std::uint8_t>(piece.first);
    detail::put_word_bits(group + 4, 7 * (p % 4), 7, piece.signs & 127u);
  }
};

struct Iq2XsBlock {
  std::uint16_t d;
  std::uint16_t codes[32];  // 9 bits of grid index, 7 signs
  std::uint8_t scales[8];   // a nibble for 16 weights, low one first
};
static_assert(sizeof(Iq2XsBlock) == 74 && alignof(Iq2XsBlock) == 2);
struct Iq2Xs : FrontScale<Iq2XsBlock> {
  static constexpr const char* kId = "iq2_xs";
  static constexpr const char* kSummary = "2.31 bits, grid of 512 points in 8 dimensions";
  static constexpr GridId kGrid = GridId::iq2xs;
  static constexpr int kGroup = 16, kScaleCodes = 16;
  static constexpr bool kEvenSigns = true;
  using Block = Iq2XsBlock;

  static int scale(const Block& block, int group) noexcept {
    return static_cast<int>(detail::get_bits(block.scales[group / 2], 4 * (group % 2), 4));
  }
  static void set_scale(Block& block, int group, int code) noexcept {
    detail::put_bits(block.scales[group / 2], 4 * (group % 2), 4, static_cast<unsigned>(code));
  }
  static Piece piece(const Block& block, int p) noexcept {
    const unsigned code = block.codes[p];
    return {static_cast<std::uint16_t>(code & 511u), 0, detail::with_parity(code >> 9)};
  }
  static void set_piece(Block& block, int p, const Piece& piece) noexcept {
    block.codes[p] = static_cast<std::uint16_t>(piece.first | (piece.signs & 127u) << 9);
  }
};

struct Iq2SBlock {
  std::uint16_t d;
  std::uint8_t codes[32];  // low 8 bits of the grid index
  std::uint8_t signs[32];
  std::uint8_t high[8];    // 2 bits of grid index for each of 4 pieces
  std::uint8_t scales[8];  // a nibble for 16 weights, low one first
};
static_assert(sizeof(Iq2SBlock) == 82 && alignof(Iq2SBlock) == 2);
struct Iq2S : FrontScale<Iq2SBlock> {
  static constexpr const char* kId = "iq2_s";
  static constexpr const char* kSummary = "2.56 bits, grid of 1024 points in 8 dimensions";
  static constexpr GridId kGrid = GridId::iq2s;
  static constexpr int kGroup = 16, kScaleCodes = 16;
  static constexpr bool kEvenSigns = false;
  using Block = Iq2SBlock;

  static int scale(const Block& block, int group) noexcept {
    return static_cast<int>(detail::get_bits(block.scales[group / 2], 4 * (group % 2), 4));
  }
  static void set_scale(Block& block, int group, int code) noexcept {
    detail::put_bits(block.scales[group / 2], 4 * (group % 2), 4, static_cast<unsigned>(code));
  }
  static Piece piece(const Block& block, int p) noexcept {
    const unsigned high = detail::get_bits(block.high[p / 4], 2 * (p % 4), 2);
    return {static_cast<std::uint16_t>(block.codes[p] | high << 8), 0, block.signs[p]};
  }
  static void set_piece(Block& block, int p, const Piece& piece) noexcept {
    block.codes[p] = static_cast<std::uint8_t>(piece.first);
    block.signs[p] = piece.signs;
    detail::put_bits(block.high[p / 4], 2 * (p % 4), 2, static_cast<unsigned>(piece.first >> 8));
  }
};

struct Iq3XxsBlock {
  std::uint16_t d;
  std::uint8_t codes[64];          // grid indices of 4 weights each
  std::uint8_t signs_scale[8][4];  // 32 bits for a group: 4 times 7 signs, 4 bits of scale
};
static_assert(sizeof(Iq3XxsBlock) == 98 && alignof(Iq3XxsBlock) == 2);
struct Iq3Xxs : FrontScale<Iq3XxsBlock> {
  static constexpr const char* kId = "iq3_xxs";
  static constexpr const char* kSummary = "3.06 bits, grid of 256 points in 4 dimensions";
  static constexpr GridId kGrid = GridId::iq3xxs;
  static constexpr int kGroup = 32, kScaleCodes = 16;
  static constexpr bool kEvenSigns = true;
  using Block = Iq3XxsBlock;

  static int scale(const Block& block, int group) noexcept {
    return static_cast<int>(detail::load_word(block.signs_scale[group]) >> 28);
  }
  static void set_scale(Block& block, int group, int code) noexcept {
    detail::put_word_bits(block.signs_scale[group], 28, 4, static_cast<unsigned>(code));
  }
  static Piece piece(const Block& block, int p) noexcept {
    const std::uint32_t word = detail::load_word(block.signs_scale[p / 4]);
    return {block.codes[2 * p], block.codes[2 * p + 1],
            detail::with_parity(detail::get_bits(word, 7 * (p % 4), 7))};
  }
  static void set_piece(Block& block, int p, const Piece& piece) noexcept {
    block.codes[2 * p] = static_cast<std::uint8_t>(piece.first);
    block.codes[2 * p + 1] = static_cast<std::uint8_t>(piece.second);
    detail::put_word_bits(block.signs_scale[p / 4], 7 * (p % 4), 7, piece.signs & 127u);
  }
};

struct Iq3SBlock {
  std::uint16_t d;
  std::uint8_t codes[64];  // low 8 bits of the grid index
  std::uint8_t high[8];    // bit 8 of the 8 indices of a group
  std::uint8_t signs[32];
  std::uint8_t scales[4];  // a nibble for 32 weights, low one first
};
static_assert(sizeof(Iq3SBlock) == 110 && alignof(Iq3SBlock) == 2);
struct Iq3S : FrontScale<Iq3SBlock> {
  static constexpr const char* kId = "iq3_s";
  static constexpr const char* kSummary = "3.44 bits, grid of 512 points in 4 dimensions";
  static constexpr GridId kGrid = GridId::iq3s;
  static constexpr int kGroup = 32, kScaleCodes = 16;
  static constexpr bool kEvenSigns = false;
  using Block = Iq3SBlock;

  static int scale(const Block& block, int group) noexcept {
    return static_cast<int>(detail::get_bits(block.scales[group / 2], 4 * (group % 2), 4));
  }
  static void set_scale(Block& block, int group, int code) noexcept {
    detail::put_bits(block.scales[group / 2], 4 * (group % 2), 4, static_cast<unsigned>(code));
  }
  static Piece piece(const Block& block, int p) noexcept {
    const auto index = [&](int half) {
      return static_cast<std::uint16_t>(block.codes[2 * p + half] |
                                        detail::get_bits(block.high[p / 4], 2 * (p % 4) + half, 1) << 8);
    };
    return {index(0), index(1), block.signs[p]};
  }
  static void set_piece(Block& block, int p, const Piece& piece) noexcept {
    block.codes[2 * p] = static_cast<std::uint8_t>(piece.first);
    block.codes[2 * p + 1] = static_cast<std::uint8_t>(piece.second);
    detail::put_bits(block.high[p / 4], 2 * (p % 4), 1, static_cast<unsigned>(piece.first >> 8));
    detail::put_bits(block.high[p / 4], 2 * (p % 4) + 1, 1, static_cast<unsigned>(piece.second >> 8));
    block.signs[p] = piece.signs;
  }
};

}  // namespace pq::gguf_iq
