// Q4_K: four bits, eight groups of 32 with scale and minimum of six bits.
#pragma once

#include "offset_super.hpp"
#include "scales_6bit.hpp"
#include "super_block.hpp"

#include <array>

namespace pq::gguf {

/// w[i] = d * scales[i / 32] * code[i] - dmin * mins[i / 32]
/// Byte 32 p + l of `codes` holds weight l of group 2 p (low nibble) and of group 2 p + 1 (high nibble).
struct Q4_K {
  static constexpr const char* kId = "q4_k";
  static constexpr const char* kSummary =
      "4 bits, super-blocks of 256 with 6-bit scale and minimum for 32 weights";
  static constexpr int kGroup = 32, kCodeBits = 4, kMinCode = 0, kMaxCode = 15;
  static constexpr int kMinScale = 0, kMaxScale = 63, kMaxMin = 63;
  static constexpr bool kHasOffset = true;
  struct Block {
    std::uint16_t d;
    std::uint16_t dmin;
    std::uint8_t scales[12];
    std::uint8_t codes[128];
  };
  static_assert(sizeof(Block) == 144 && alignof(Block) == 2);

  static OffsetSearch search(Effort effort) noexcept {
    static constexpr std::array<RangeCut, 5> kCuts{
        {{0.0f, 0.0f}, {0.3f, 0.3f}, {0.6f, 0.6f}, {0.9f, 0.9f}, {0.0f, -1.0f}}};
    static constexpr std::array<float, 3> kStretches{1.05f, 1.0f, 1.1f};
    if (effort == Effort::best) return {kCuts, 2.4f, kStretches, 6, 6, 2};
    return {kCuts, 2.4f, std::span(kStretches).first(1),
            3,     2,    1};  // with fewer, single tensors are above ggml's error
  }

  static void unpack(const Block& block, SuperBlock& out) noexcept {
    out.d = f16_to(block.d);
    out.dmin = f16_to(block.dmin);
    unpack_scales_6bit(block.scales, out);
    for (std::size_t p = 0; p < 4; ++p) {
      for (std::size_t l = 0; l < 32; ++l) {
        out.codes[64 * p + l] = static_cast<std::int8_t>(block.codes[32 * p + l] & 15);
        out.codes[64 * p + 32 + l] = static_cast<std::int8_t>(block.codes[32 * p + l] >> 4);
      }
    }
  }

  static void pack(const SuperBlock& from, Block& out) noexcept {
    out.d = f16_from(from.d);
    out.dmin = f16_from(from.dmin);
    pack_scales_6bit(from, out.scales);
    for (std::size_t p = 0; p < 4; ++p)
      for (std::size_t l = 0; l < 32; ++l)
        out.codes[32 * p + l] =
            static_cast<std::uint8_t>(from.codes[64 * p + l] | from.codes[64 * p + 32 + l] << 4);
  }
};

}  // namespace pq::gguf
