// GGUF's ternary blocks (llama.cpp ggml-common.h): w[i] = d * (code[i] - 1), code 0..2. Little-endian, no padding, d is f16.
#pragma once

#include <polyquant/base/half.hpp>

#include <array>
#include <cstdint>

namespace pq::gguf_ternary {

/// Code i sits in bits 2 * (i % 128 / 32) of byte 32 * (i / 128) + i % 32. Code 3 would be 2 * d; no encoder writes it.
struct Tq20 {
  static constexpr const char* kId = "tq2_0";
  static constexpr const char* kSummary = "ternary, 2 bits for a weight, one scale for 256";
  struct Block {
    std::uint8_t codes[64];
    std::uint16_t d;
  };
  static_assert(sizeof(Block) == 66 && alignof(Block) == 2);

  static int code(const Block& block, int i) noexcept {
    return block.codes[32 * (i / 128) + i % 32] >> 2 * (i % 128 / 32) & 3;
  }
  static void set_code(Block& block, int i, int code) noexcept {
    std::uint8_t& byte = block.codes[32 * (i / 128) + i % 32];
    const int at = 2 * (i % 128 / 32);
    byte = static_cast<std::uint8_t>((byte & ~(3 << at)) | code << at);
  }
};

/// Five base-3 digits of a byte, the first one most significant. The byte is a fraction of 256: 3 times it is the first digit, with the
/// rest for the next. Digits t give the smallest byte that reads back, ceil(256 * t / 243).
struct Trits {
  static constexpr int kPowers[5] = {81, 27, 9, 3, 1};

  static int get(std::uint8_t byte, int place) noexcept {
    constexpr int kMultipliers[5] = {1, 3, 9, 27, 81};
    return (byte * kMultipliers[place] & 255) * 3 >> 8;
  }
  static std::uint8_t set(std::uint8_t byte, int place, int digit) noexcept {
    int value = 0;
    for (int n = 0; n < 5; ++n) value += kPowers[n] * (n == place ? digit : get(byte, n));
    return static_cast<std::uint8_t>((value * 256 + 242) / 243);
  }
};

/// Weights 0..159: digit i / 32 of byte i % 32; 160..239: digit of one of the next 16 bytes; 240..255: four digits in each of 4 bytes.
struct Tq10 {
  static constexpr const char* kId = "tq1_0";
  static constexpr const char* kSummary = "ternary, 1.69 bits for a weight, one scale for 256";
  struct Block {
    std::uint8_t codes[52];
    std::uint16_t d;
  };
  static_assert(sizeof(Block) == 54 && alignof(Block) == 2);

  struct Place {
    int byte, digit;
  };
  static constexpr Place place(int i) noexcept {
    if (i < 160) return {i % 32, i / 32};
    if (i < 240) return {32 + (i - 160) % 16, (i - 160) / 16};
    return {48 + (i - 240) % 4, (i - 240) / 4};
  }
  static int code(const Block& block, int i) noexcept {
    return Trits::get(block.codes[place(i).byte], place(i).digit);
  }
  static void set_code(Block& block, int i, int code) noexcept {
    std::uint8_t& byte = block.codes[place(i).byte];
    byte = Trits::set(byte, place(i).digit, code);
  }
};

/// The affine view (codec/affine_view.hpp): w[i] = d * code, code -1..1. Tq20 can read 2 as well, which no encoder writes.
template <class Type>
struct TernaryAffine {
  using Block = typename Type::Block;
  static constexpr int kWeights = 256, kMinCode = -1, kMaxCode = 1;
  static constexpr bool kHasOffset = false;
  static float scale(const Block& block) noexcept { return f16_to(block.d); }
  static float offset(const Block&) noexcept { return 0.0f; }
  static int code(const Block& block, int i) noexcept { return Type::code(block, i) - 1; }
  static void pack(float scale, float, const std::int8_t* codes, Block& out) noexcept {
    out = {};
    out.d = f16_from(scale);
    for (int i = 0; i < kWeights; ++i) Type::set_code(out, i, codes[i] + 1);
  }
};

/// The definition of decoding.
template <class Type>
float ternary_value(const typename Type::Block& block, int i) noexcept {
  return f16_to(block.d) * static_cast<float>(Type::code(block, i) - 1);
}

}  // namespace pq::gguf_ternary
