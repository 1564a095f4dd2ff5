// Blocks of 4-bit floats as GGUF stores them (llama.cpp ggml-common.h). Codes: sign, 2 bits of exponent, 1 of mantissa (E2M1 of the OCP
// Microscaling specification): 0 0.5 1 1.5 2 3 4 6 and, with 8 added, their negatives; code 8 is read as +0, not -0.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace pq::microscaling {

inline constexpr std::array<float, 16> kFp4{0.0f, 0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
                                            0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};
/// Halfway between neighbouring magnitudes.
inline constexpr std::array<float, 7> kFp4Borders{0.25f, 0.75f, 1.25f, 1.75f, 2.5f, 3.5f, 5.0f};

/// w[i] = 2^(e - 127) * fp4. Byte j holds weight j (low nibble) and weight j + 16. Exponent 255 is a reserved code (ggml reads 2^128);
/// the largest exponents overflow to infinity.
struct Mxfp4 {
  static constexpr const char* kId = "mxfp4";
  static constexpr const char* kSummary = "4-bit floats, power of two for 32 weights (OCP MXFP4)";
  static constexpr int kWeights = 32, kGroup = 32;
  static constexpr int kLowestScale = 0, kHighestScale = 253;  // codes that an encoder writes
  static constexpr bool kKeepsScaleOfZeros = true;
  struct Block {
    std::uint8_t e;
    std::uint8_t codes[16];
  };
  static_assert(sizeof(Block) == 17 && alignof(Block) == 1);

  /// Half of the scale, which is finite for every code: 2^(e - 128), for e < 2 a subnormal number.
  static float half_scale(std::uint8_t e) noexcept {
    return std::bit_cast<float>(e < 2 ? 0x00200000u << e : static_cast<std::uint32_t>(e - 1) << 23);
  }
  static float half_scale(const Block& block, int) noexcept { return half_scale(block.e); }
  static int shift(int i) noexcept { return i < 16 ? 0 : 4; }
  static int byte(int i) noexcept { return i % 16; }
};

/// w[i] = ue4m3(scale[i / 16]) * fp4. Byte 8 s + j holds weights j (low nibble) and j + 8 of the 16 that share scale s.
struct Nvfp4 {
  static constexpr const char* kId = "nvfp4";
  static constexpr const char* kSummary = "4-bit floats, an 8-bit float for 16 weights (NVFP4)";
  static constexpr int kWeights = 64, kGroup = 16;
  static constexpr int kLowestScale = 1, kHighestScale = 0x7E;  // 448; codes that an encoder writes
  static constexpr bool kKeepsScaleOfZeros = false;             // then it is 0
  struct Block {
    std::uint8_t scales[4];
    std::uint8_t codes[32];
  };
  static_assert(sizeof(Block) == 36 && alignof(Block) == 1);

  /// E4M3 without sign, halved; 0x7F, NaN elsewhere, is 0. Bit 7 is ignored, except that 0xFF is then no NaN but 480.
  static constexpr float half_scale(std::uint8_t code) noexcept {
    if (code == 0x7F) return 0.0f;
    const int exponent = code >> 3 & 15, mantissa = code & 7;
    const float power =
        std::bit_cast<float>(static_cast<std::uint32_t>((exponent == 0 ? 1 : exponent) + 127 - 11) << 23);
    return static_cast<float>(exponent == 0 ? mantissa : mantissa + 8) * power;
  }
  static float half_scale(const Block& block, int i) noexcept { return half_scale(block.scales[i / 16]); }
  static int shift(int i) noexcept { return i % 16 < 8 ? 0 : 4; }
  static int byte(int i) noexcept { return i / 16 * 8 + i % 8; }
};

template <class Type>
int fp4_code(const typename Type::Block& block, int i) noexcept {
  return block.codes[Type::byte(i)] >> Type::shift(i) & 15;
}
template <class Type>
void set_fp4_code(typename Type::Block& block, int i, int code) noexcept {
  std::uint8_t& byte = block.codes[Type::byte(i)];
  byte = static_cast<std::uint8_t>((byte & ~(15 << Type::shift(i))) | code << Type::shift(i));
}

/// The definition of decoding: twice the element times half the scale, so that only a result that is too large is infinite.
template <class Type>
float fp4_value(const typename Type::Block& block, int i) noexcept {
  const float twice = 2.0f * kFp4[static_cast<std::size_t>(fp4_code<Type>(block, i))];
  return twice * Type::half_scale(block, i);
}

/// Number of the magnitude nearest to `magnitude`; of two equally near the smaller one.
inline int fp4_magnitude(float magnitude) noexcept {
  int code = 0;
  for (const float border : kFp4Borders) code += magnitude > border ? 1 : 0;
  return code;
}

}  // namespace pq::microscaling
