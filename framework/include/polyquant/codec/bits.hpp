// Codes packed in nibbles and single bits, in the order that 32-weight blocks of GGUF use.
#pragma once

#include <cstdint>

namespace pq {

/// Nibble i of 32 in 16 bytes: byte j holds element j (low nibble) and element j + 16 (high nibble).
inline int split_nibble(const std::uint8_t* bytes, int i) noexcept {
  return i < 16 ? bytes[i] & 15 : bytes[i - 16] >> 4;
}

/// Stores 32 codes of 0..15 (higher bits are ignored) in that order.
inline void pack_split_nibbles(const std::uint8_t* codes, std::uint8_t* bytes) noexcept {
  for (int j = 0; j < 16; ++j)
    bytes[j] = static_cast<std::uint8_t>((codes[j] & 15) | (codes[j + 16] & 15) << 4);
}

/// Bit 4 of 32 codes; code i gives bit i.
inline std::uint32_t pack_fifth_bits(const std::uint8_t* codes) noexcept {
  std::uint32_t bits = 0;
  for (int i = 0; i < 32; ++i) bits |= static_cast<std::uint32_t>(codes[i] >> 4 & 1) << i;
  return bits;
}

}  // namespace pq
