// GGUF's encodings with one table of 16 uneven levels (llama.cpp ggml-common.h). Little-endian, no padding, d is f16.
// Nibble order: byte j holds weight j (low) and weight j + 16 (high) of a group of 32.
#pragma once

#include <polyquant/base/half.hpp>
#include <polyquant/codec/bits.hpp>

#include <array>
#include <cstdint>

namespace pq::gguf_iq {

/// kvalues_iq4nl of ggml.
alignas(16) inline constexpr std::array<std::int8_t, 16> kIq4Levels{-127, -104, -83, -65, -49, -35, -22, -10,
                                                                    1,    13,   25,  38,  53,  69,  89,  113};

/// w[i] = d * level[nibble[i]]
struct Iq4Nl {
  static constexpr const char* kId = "iq4_nl";
  static constexpr const char* kSummary = "4 bits with uneven levels, one scale for 32 weights";
  static constexpr int kWeights = 32, kGroups = 1;
  struct Block {
    std::uint16_t d;
    std::uint8_t codes[16];
  };
  static_assert(sizeof(Block) == 18 && alignof(Block) == 2);

  static float super_scale(const Block& block) noexcept { return f16_to(block.d); }
  static int scale(const Block&, int) noexcept { return 1; }
  static void set_scales(Block& block, float d, const int*) noexcept { block.d = f16_from(d); }
};

/// w[i] = d * (scale[i / 32] - 32) * level[nibble[i]]
struct Iq4Xs {
  static constexpr const char* kId = "iq4_xs";
  static constexpr const char* kSummary =
      "4 bits with uneven levels, 6-bit scales for 32 weights in blocks of 256";
  static constexpr int kWeights = 256, kGroups = 8;
  struct Block {
    std::uint16_t d;
    std::uint16_t scales_high;   // 2 bits for each group
    std::uint8_t scales_low[4];  // a nibble for each group, low one first
    std::uint8_t codes[128];
  };
  static_assert(sizeof(Block) == 136 && alignof(Block) == 2);

  static float super_scale(const Block& block) noexcept { return f16_to(block.d); }
  static int scale(const Block& block, int group) noexcept {
    return ((block.scales_low[group / 2] >> 4 * (group % 2) & 15) | (block.scales_high >> 2 * group & 3)
                                                                        << 4) -
           32;
  }
  /// `scales`: -32..31.
  static void set_scales(Block& block, float d, const int* scales) noexcept {
    block.d = f16_from(d);
    unsigned high = 0, low[4] = {0, 0, 0, 0};
    for (int group = 0; group < kGroups; ++group) {
      const unsigned code = static_cast<unsigned>(scales[group] + 32);
      high |= code >> 4 << 2 * group;
      low[group / 2] |= (code & 15u) << 4 * (group % 2);
    }
    block.scales_high = static_cast<std::uint16_t>(high);
    for (int i = 0; i < 4; ++i) block.scales_low[i] = static_cast<std::uint8_t>(low[i]);
  }
};

/// The definition of decoding; every product is exact.
template <class Type>
float iq4_value(const typename Type::Block& block, int i) noexcept {
  const int group = i / 32;
  const int level = kIq4Levels[static_cast<std::size_t>(split_nibble(block.codes + 16 * group, i % 32))];
  return Type::super_scale(block) * static_cast<float>(Type::scale(block, group)) * static_cast<float>(level);
}

}  // namespace pq::gguf_iq
