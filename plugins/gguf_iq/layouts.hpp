// The blocks of GGUF's codebook encodings (llama.cpp ggml-common.h). Little-endian, no padding, every d is f16. 256 weights are 8 groups
// of 32, each of which is 4 pieces of 8 weights; a grid entry gives the magnitudes of a piece, or of half of it.
//
// In units in which the grids' levels are as grids.hpp says, the value of every one of them is
//   w = d * (2 * scale_code + 1) * level * sign.
#pragma once

#include "grids.hpp"

#include <polyquant/base/half.hpp>

#include <bit>
#include <cstdint>
#include <cstring>

namespace pq::gguf {

/// One piece: grid entries of its first and (grids of 4 weights) second half, signs (bit j: weight j is negative), and for the ternary
/// grid whether the levels are shifted down (by 1/8) instead of up.
struct Piece {
  std::uint16_t first = 0;
  std::uint16_t second = 0;
  std::uint8_t signs = 0;
  bool shifted_down = false;
};

namespace detail {
/// Seven stored sign bits; the eighth makes the number of minus signs even.
inline std::uint8_t with_parity(unsigned seven) noexcept {
  return static_cast<std::uint8_t>(seven | (static_cast<unsigned>(std::popcount(seven)) & 1u) << 7);
}
/// `bits` bits of `word` from `at` on; put_bits() replaces them.
template <class Word>
unsigned get_bits(Word word, int at, int bits) noexcept {
  return static_cast<unsigned>(word >> at) & ((1u << bits) - 1u);
}
template <class Word>
void put_bits(Word& word, int at, int bits, unsigned value) noexcept {
  const auto mask = static_cast<Word>(((1u << bits) - 1u) << at);
  word = static_cast<Word>((word & static_cast<Word>(~mask)) | static_cast<Word>(value << at));
}
inline std::uint32_t load_word(const std::uint8_t* from) noexcept {
  std::uint32_t word = 0;
  std::memcpy(&word, from, sizeof(word));
  return word;
}
inline void put_word_bits(std::uint8_t* at, int shift, int bits, unsigned value) noexcept {
  std::uint32_t word = load_word(at);
  put_bits(word, shift, bits, value);
  std::memcpy(at, &word, sizeof(word));
}
}  // namespace detail

/// What most of them have: one f16 at the front.
template <class Block>
struct FrontScale {
  static float super_scale(const Block& block) noexcept { return f16_to(block.d); }
  static void set_super_scale(Block& block, float d) noexcept { block.d = f16_from(d); }
};

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

/// The value of every weight of a piece without its scale.
template <class Type>
void piece_levels(const Piece& piece, float* out) noexcept {
  grid_levels(Type::kGrid, piece.first, piece.shifted_down, out);
  if constexpr (grid_elements(Type::kGrid) == 4) grid_levels(Type::kGrid, piece.second, false, out + 4);
  for (int j = 0; j < 8; ++j)
    if ((piece.signs >> j & 1) != 0) out[j] = -out[j];
}

/// The definition of decoding. Every product is exact: f16 has 11 bits, the scale 5, a level 6.
template <class Type>
void decode_lattice(const typename Type::Block& block, float* out) noexcept {
  const float d = Type::super_scale(block);
  for (int p = 0; p < 32; ++p, out += 8) {
    const float scale = d * static_cast<float>(2 * Type::scale(block, 8 * p / Type::kGroup) + 1);
    piece_levels<Type>(Type::piece(block, p), out);
    for (int j = 0; j < 8; ++j) out[j] *= scale;
  }
}

}  // namespace pq::gguf
