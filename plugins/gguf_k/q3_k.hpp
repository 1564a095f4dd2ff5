// Q3_K: three bits, 16 groups of 16 with signed 6-bit scales.
#pragma once

#include "scale_super.hpp"
#include "super_block.hpp"

#include <array>

namespace pq::gguf {

/// w[i] = d * (scale[i / 16] - 32) * (code[i] - 4)
/// Weight 32 j + l of half h: low two bits at bit 2 j of low[32 h + l], high bit at bit 4 h + j of high[l]. Scale of group g: low four bits in
/// a nibble of scales[g % 8] (low for g < 8), high two bits at bit 2 (g / 4) of scales[8 + g % 4].
struct Q3_K {
  static constexpr const char* kId = "q3_k";
  static constexpr const char* kSummary = "3 bits, super-blocks of 256 with 6-bit scales for 16 weights";
  static constexpr int kGroup = 16, kCodeBits = 3, kMinCode = -4, kMaxCode = 3;
  static constexpr int kMinScale = -32, kMaxScale = 31, kMaxMin = 0;
  static constexpr bool kHasOffset = false;
  struct Block {
    std::uint8_t high[32];
    std::uint8_t low[64];
    std::uint8_t scales[12];
    std::uint16_t d;
  };
  static_assert(sizeof(Block) == 110 && alignof(Block) == 2);

  static ScaleSearch search(Effort effort) noexcept {
    static constexpr std::array<float, 4> kStarts{0.8f, 0.95f, 1.1f, 1.3f};
    static constexpr std::array<float, 11> kStretches{0.94f, 0.96f, 0.98f, 1.0f,  1.02f, 1.04f,
                                                      1.06f, 1.08f, 1.1f,  1.13f, 1.16f};
    static constexpr std::array<float, 4> kMore{1.0f, 1.06f, 1.12f, 1.2f};
    if (effort == Effort::fast) return {kStarts, 0.5f, kStretches, {}, 4, 1, 2};
    if (effort == Effort::normal) return {kStarts, 0.5f, kStretches, {}, 8, 2, 2};
    return {kStarts, 0.5f, kStretches, kMore, 14, 3, 4};
  }

  static void unpack(const Block& block, SuperBlock& out) noexcept {
    out.d = f16_to(block.d);
    for (std::size_t g = 0; g < 16; ++g) {
      const int low = block.scales[g % 8] >> (4 * (g / 8)) & 15,
                high = block.scales[8 + g % 4] >> (2 * (g / 4)) & 3;
      out.scales[g] = static_cast<std::int16_t>((low | high << 4) - 32);
    }
    for (std::size_t h = 0; h < 2; ++h)
      for (std::size_t j = 0; j < 4; ++j)
        for (std::size_t l = 0; l < 32; ++l)
          out.codes[128 * h + 32 * j + l] = static_cast<std::int8_t>(
              ((block.low[32 * h + l] >> (2 * j) & 3) | (block.high[l] >> (4 * h + j) & 1) << 2) - 4);
  }

  static void pack(const SuperBlock& from, Block& out) noexcept {
    out.d = f16_from(from.d);
    for (auto& byte : out.scales) byte = 0;
    for (std::size_t g = 0; g < 16; ++g) {
      const int scale = from.scales[g] + 32;
      out.scales[g % 8] = static_cast<std::uint8_t>(out.scales[g % 8] | (scale & 15) << (4 * (g / 8)));
      out.scales[8 + g % 4] = static_cast<std::uint8_t>(out.scales[8 + g % 4] | scale >> 4 << (2 * (g / 4)));
    }
    for (auto& byte : out.high) byte = 0;
    for (std::size_t h = 0; h < 2; ++h) {
      const std::int8_t* codes = from.codes.data() + 128 * h;
      for (std::size_t l = 0; l < 32; ++l) {
        const int a = codes[l] + 4, b = codes[l + 32] + 4, c = codes[l + 64] + 4, e = codes[l + 96] + 4;
        out.low[32 * h + l] = static_cast<std::uint8_t>((a & 3) | (b & 3) << 2 | (c & 3) << 4 | (e & 3) << 6);
        out.high[l] = static_cast<std::uint8_t>(
            out.high[l] | (a >> 2 | b >> 2 << 1 | c >> 2 << 2 | e >> 2 << 3) << (4 * h));
      }
    }
  }
};

}  // namespace pq::gguf
