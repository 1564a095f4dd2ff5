// GGUF's plain blocks of one and two bits (llama.cpp ggml-common.h): an f16 scale d and 16 bytes of codes, little-endian, no padding.
#pragma once

#include <polyquant/base/half.hpp>
#include <polyquant/base/matrix.hpp>
#include <polyquant/codec/scale_search.hpp>
#include <polyquant/encoding.hpp>

#include <array>
#include <cstdint>

namespace pq::gguf_ternary {

/// w[i] = d if bit i is set, else -d; bit i sits in bit i % 8 of byte i / 8.
struct Q10 {
  static constexpr const char* kId = "q1_0";
  static constexpr const char* kSummary = "1 bit, the sign of a weight, one scale for 128";
  static constexpr int kWeights = 128, kCodeBits = 1;
  struct Block {
    std::uint16_t d;
    std::uint8_t codes[16];
  };
  static_assert(sizeof(Block) == 18 && alignof(Block) == 2);

  static float value(float d, int code) noexcept { return code != 0 ? d : -d; }
  static int nearest(float d, float x) noexcept { return (x >= 0.0f) == (d >= 0.0f) ? 1 : 0; }
};

/// w[i] = d * (code[i] - 1); code i sits in bits 2 * (i % 4) of byte i / 4. d may be negative: the levels are then 1, 0, -1, -2 times |d|.
struct Q20 {
  static constexpr const char* kId = "q2_0";
  static constexpr const char* kSummary = "2 bits, levels -1 0 1 2, one scale for 64";
  static constexpr int kWeights = 64, kCodeBits = 2;
  static constexpr CodeRange kRange{-1, 2};
  struct Block {
    std::uint16_t d;
    std::uint8_t codes[16];
  };
  static_assert(sizeof(Block) == 18 && alignof(Block) == 2);

  static float value(float d, int code) noexcept { return d * static_cast<float>(code - 1); }
  static int nearest(float d, float x) noexcept {
    return 1 + static_cast<int>(nearest_code(x, inverse_or_zero(d), kRange.lowest, kRange.highest));
  }
};

template <class Type>
int low_bits_code(const typename Type::Block& block, int i) noexcept {
  constexpr int kPerByte = 8 / Type::kCodeBits, kMask = (1 << Type::kCodeBits) - 1;
  return block.codes[i / kPerByte] >> Type::kCodeBits * (i % kPerByte) & kMask;
}
template <class Type>
void set_low_bits_code(typename Type::Block& block, int i, int code) noexcept {
  constexpr int kPerByte = 8 / Type::kCodeBits, kMask = (1 << Type::kCodeBits) - 1;
  std::uint8_t& byte = block.codes[i / kPerByte];
  const int at = Type::kCodeBits * (i % kPerByte);
  byte = static_cast<std::uint8_t>((byte & ~(kMask << at)) | code << at);
}

/// Codes at which q2_0 puts the weight of largest magnitude, both signs of d. 1 and -1 are ggml's only try.
inline constexpr std::array<float, 16> kPeaksQ20{1.0f,  -1.0f, 2.0f, 1.7f, 2.4f, 1.4f, 3.0f,  -1.4f,
                                                 -0.8f, -1.9f, 4.0f, 0.8f, 2.7f, 5.0f, -2.6f, 2.2f};
/// fast: 8 starts and one refinement; normal: 14 and 2; best: 16 and 6.
inline ScaleStarts low_bits_starts(Effort effort) noexcept {
  if (effort == Effort::fast) return {std::span(kPeaksQ20).first(8), {}, 1, 2};
  if (effort == Effort::normal) return {std::span(kPeaksQ20).first(14), {}, 2, 2};
  return {kPeaksQ20, {}, 6, 4};
}

/// Rows to encode; `importance`: one number per column (codec/block_encoding.hpp).
struct LowBitsCall {
  ConstMatrix rows;
  const float* importance = nullptr;
  Effort effort = Effort::normal;
  std::byte* out = nullptr;
};

/// Chosen at run time for the machine's instruction set; all give the same bytes.
template <class Type>
void encode_low_bits(const LowBitsCall& call);
template <>
void encode_low_bits<Q10>(const LowBitsCall& call);
template <>
void encode_low_bits<Q20>(const LowBitsCall& call);

template <class Type>
void decode_low_bits(const std::byte* from, std::size_t count, float* out);
template <>
void decode_low_bits<Q10>(const std::byte* from, std::size_t count, float* out);
template <>
void decode_low_bits<Q20>(const std::byte* from, std::size_t count, float* out);

}  // namespace pq::gguf_ternary
