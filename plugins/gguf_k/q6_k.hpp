// Q6_K: six bits, 16 groups of 16 with signed 8-bit scales.
#pragma once

#include "scale_super.hpp"
#include "super_block.hpp"

#include <array>

namespace pq::gguf {

/// w[i] = d * scales[i / 16] * (code[i] - 32)
/// Half h (128 weights), weight 32 j + l of it: low four bits in ql[64 h + 32 (j & 1) + l] (low nibble for j < 2), high two bits in
/// qh[32 h + l] from bit 2 j on.
struct Q6_K {
  static constexpr const char* kId = "q6_k";
  static constexpr const char* kSummary = "6 bits, super-blocks of 256 with 8-bit scales for 16 weights";
  static constexpr int kGroup = 16, kCodeBits = 6, kMinCode = -32, kMaxCode = 31;
  static constexpr int kMinScale = -128, kMaxScale = 127, kMaxMin = 0;
  static constexpr bool kHasOffset = false;
  struct Block {
    std::uint8_t ql[128];
    std::uint8_t qh[64];
    std::int8_t scales[16];
    std::uint16_t d;
  };
  static_assert(sizeof(Block) == 210 && alignof(Block) == 2);

  static ScaleSearch search(Effort effort) noexcept {
    static constexpr std::array<float, 3> kStarts{0.86f, 0.94f, 1.0f};
    static constexpr std::array<float, 1> kStretches{
        1.06f};  // scale codes around the middle have room on both sides
    static constexpr std::array<float, 3> kMore{1.0f, 1.03f, 1.1f};
    if (effort == Effort::fast) return {kStarts, 0.42f, kStretches, {}, 4, 1, 2};
    if (effort == Effort::normal) return {kStarts, 0.42f, kStretches, {}, 8, 1, 4};
    return {kStarts, 0.42f, kStretches, kMore, 14, 3, 4};
  }

  static void unpack(const Block& block, SuperBlock& out) noexcept {
    out.d = f16_to(block.d);
    for (std::size_t g = 0; g < 16; ++g) out.scales[g] = block.scales[g];
    for (std::size_t h = 0; h < 2; ++h) {
      const std::uint8_t *ql = block.ql + 64 * h, *qh = block.qh + 32 * h;
      std::int8_t* codes = out.codes.data() + 128 * h;
      for (std::size_t l = 0; l < 32; ++l) {
        codes[l] = static_cast<std::int8_t>(((ql[l] & 15) | (qh[l] << 4 & 48)) - 32);
        codes[l + 32] = static_cast<std::int8_t>(((ql[l + 32] & 15) | (qh[l] << 2 & 48)) - 32);
        codes[l + 64] = static_cast<std::int8_t>((ql[l] >> 4 | (qh[l] & 48)) - 32);
        codes[l + 96] = static_cast<std::int8_t>((ql[l + 32] >> 4 | (qh[l] >> 2 & 48)) - 32);
      }
    }
  }

  static void pack(const SuperBlock& from, Block& out) noexcept {
    out.d = f16_from(from.d);
    for (std::size_t g = 0; g < 16; ++g) out.scales[g] = static_cast<std::int8_t>(from.scales[g]);
    for (std::size_t h = 0; h < 2; ++h) {
      std::uint8_t *ql = out.ql + 64 * h, *qh = out.qh + 32 * h;
      const std::int8_t* codes = from.codes.data() + 128 * h;
      for (std::size_t l = 0; l < 32; ++l) {
        const int a = codes[l] + 32, b = codes[l + 32] + 32, c = codes[l + 64] + 32, e = codes[l + 96] + 32;
        ql[l] = static_cast<std::uint8_t>((a & 15) | (c & 15) << 4);
        ql[l + 32] = static_cast<std::uint8_t>((b & 15) | (e & 15) << 4);
        qh[l] = static_cast<std::uint8_t>(a >> 4 | b >> 4 << 2 | c >> 4 << 4 | e >> 4 << 6);
      }
    }
  }
};

}  // namespace pq::gguf
