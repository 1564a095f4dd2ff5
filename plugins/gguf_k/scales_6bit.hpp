// Eight scales and eight minima of six bits in twelve bytes, as q4_k and q5_k store them:
//   bytes 0..3   low six bits: scales 0..3;  top two bits: high bits of scales 4..7
//   bytes 4..7   low six bits: minima 0..3;  top two bits: high bits of minima 4..7
//   bytes 8..11  low nibble: low bits of scales 4..7;  high nibble: low bits of minima 4..7
#pragma once

#include "super_block.hpp"

namespace pq::gguf {

inline void unpack_scales_6bit(const std::uint8_t* bytes, SuperBlock& out) noexcept {
  for (std::size_t k = 0; k < 4; ++k) {
    out.scales[k] = bytes[k] & 63;
    out.mins[k] = bytes[k + 4] & 63;
    out.scales[k + 4] = static_cast<std::int16_t>((bytes[k + 8] & 15) | bytes[k] >> 6 << 4);
    out.mins[k + 4] = static_cast<std::int16_t>(bytes[k + 8] >> 4 | bytes[k + 4] >> 6 << 4);
  }
}

inline void pack_scales_6bit(const SuperBlock& from, std::uint8_t* bytes) noexcept {
  for (std::size_t k = 0; k < 4; ++k) {
    const int scale = from.scales[k + 4], min = from.mins[k + 4];
    bytes[k] = static_cast<std::uint8_t>(from.scales[k] | scale >> 4 << 6);
    bytes[k + 4] = static_cast<std::uint8_t>(from.mins[k] | min >> 4 << 6);
    bytes[k + 8] = static_cast<std::uint8_t>((scale & 15) | (min & 15) << 4);
  }
}

}  // namespace pq::gguf
