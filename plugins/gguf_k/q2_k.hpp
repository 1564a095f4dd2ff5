// Q2_K: two bits, 16 groups of 16 with scale and minimum of four bits.
#pragma once

#include "offset_super.hpp"
#include "super_block.hpp"

#include <array>

namespace pq::gguf {

/// w[i] = d * scales[i / 16] * code[i] - dmin * mins[i / 16]
/// Byte g of `scales` holds scale (low nibble) and minimum (high nibble) of group g; weight 32 j + l of half h is at bit 2 j of
/// codes[32 h + l].
struct Q2_K {
  static constexpr const char* kId = "q2_k";
  static constexpr const char* kSummary =
      "2 bits, super-blocks of 256 with 4-bit scale and minimum for 16 weights";
  static constexpr int kGroup = 16, kCodeBits = 2, kMinCode = 0, kMaxCode = 3;
  static constexpr int kMinScale = 0, kMaxScale = 15, kMaxMin = 15;
  static constexpr bool kHasOffset = true;
  struct Block {
    std::uint8_t scales[16];
    std::uint8_t codes[64];
    std::uint16_t d;
    std::uint16_t dmin;
  };
  static_assert(sizeof(Block) == 84 && alignof(Block) == 2);

  static OffsetSearch search(Effort effort) noexcept {
    static constexpr std::array<RangeCut, 5> kCuts{
        {{0.0f, 0.0f}, {0.21f, 0.21f}, {0.42f, 0.42f}, {0.63f, 0.63f}, {0.0f, -1.0f}}};
    static constexpr std::array<float, 3> kStretches{1.05f, 1.0f, 1.15f};
    if (effort == Effort::fast) return {kCuts, 1.5f, std::span(kStretches).first(1), 1, 1, 1};
    if (effort == Effort::normal) return {kCuts, 1.5f, std::span(kStretches).first(1), 3, 2, 2};
    return {kCuts, 1.5f, kStretches, 6, 6, 2};
  }

  static void unpack(const Block& block, SuperBlock& out) noexcept {
    out.d = f16_to(block.d);
    out.dmin = f16_to(block.dmin);
    for (std::size_t g = 0; g < 16; ++g) {
      out.scales[g] = block.scales[g] & 15;
      out.mins[g] = block.scales[g] >> 4;
    }
    for (std::size_t h = 0; h < 2; ++h)
      for (std::size_t j = 0; j < 4; ++j)
        for (std::size_t l = 0; l < 32; ++l)
          out.codes[128 * h + 32 * j + l] = static_cast<std::int8_t>(block.codes[32 * h + l] >> (2 * j) & 3);
  }

  static void pack(const SuperBlock& from, Block& out) noexcept {
    out.d = f16_from(from.d);
    out.dmin = f16_from(from.dmin);
    for (std::size_t g = 0; g < 16; ++g)
      out.scales[g] = static_cast<std::uint8_t>(from.scales[g] | from.mins[g] << 4);
    for (std::size_t h = 0; h < 2; ++h) {
      const std::int8_t* codes = from.codes.data() + 128 * h;
      for (std::size_t l = 0; l < 32; ++l)
        out.codes[32 * h + l] = static_cast<std::uint8_t>(codes[l] | codes[l + 32] << 2 | codes[l + 64] << 4 |
                                                          codes[l + 96] << 6);
    }
  }
};

}  // namespace pq::gguf
