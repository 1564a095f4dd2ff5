// What the blocks of layouts.hpp and layouts_iq1.hpp are made of.
#pragma once

#include "grids.hpp"

#include <polyquant/base/half.hpp>

#include <bit>
#include <cstdint>
#include <cstring>

namespace pq::gguf_iq {

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

}  // namespace pq::gguf_iq
