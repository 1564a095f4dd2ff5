// The plain 32-weight blocks of GGUF (llama.cpp ggml-common.h). Little-endian, no padding, d and m are f16.
// Nibble order: byte j of `codes` holds weight j (low) and weight j + 16 (high); bit i of `high_bits` belongs to weight i.
#pragma once

#include <polyquant/base/half.hpp>
#include <polyquant/codec/bits.hpp>

#include <array>
#include <cstdint>
#include <cstring>

namespace pq::gguf {

/// w[i] = d * (nibble[i] - 8)
struct Q4_0 {
  static constexpr const char* kId = "q4_0";
  static constexpr const char* kSummary = "4 bits, one scale for 32 weights";
  static constexpr int kWeights = 32, kCodeBits = 4, kMinCode = -8, kMaxCode = 7;
  static constexpr bool kHasOffset = false;
  struct Block {
    std::uint16_t d;
    std::uint8_t codes[16];
  };
  static_assert(sizeof(Block) == 18 && alignof(Block) == 2);

  static float scale(const Block& block) noexcept { return f16_to(block.d); }
  static float offset(const Block&) noexcept { return 0.0f; }
  static int code(const Block& block, int i) noexcept { return split_nibble(block.codes, i) - 8; }
  static void pack(float scale, float, const std::int8_t* codes, Block& out) noexcept;
};

/// w[i] = d * nibble[i] + m
struct Q4_1 {
  static constexpr const char* kId = "q4_1";
  static constexpr const char* kSummary = "4 bits, scale and offset for 32 weights";
  static constexpr int kWeights = 32, kCodeBits = 4, kMinCode = 0, kMaxCode = 15;
  static constexpr bool kHasOffset = true;
  struct Block {
    std::uint16_t d;
    std::uint16_t m;
    std::uint8_t codes[16];
  };
  static_assert(sizeof(Block) == 20 && alignof(Block) == 2);

  static float scale(const Block& block) noexcept { return f16_to(block.d); }
  static float offset(const Block& block) noexcept { return f16_to(block.m); }
  static int code(const Block& block, int i) noexcept { return split_nibble(block.codes, i); }
  static void pack(float scale, float offset, const std::int8_t* codes, Block& out) noexcept;
};

/// w[i] = d * (nibble[i] + 16 * high_bit[i] - 16)
struct Q5_0 {
  static constexpr const char* kId = "q5_0";
  static constexpr const char* kSummary = "5 bits, one scale for 32 weights";
  static constexpr int kWeights = 32, kCodeBits = 5, kMinCode = -16, kMaxCode = 15;
  static constexpr bool kHasOffset = false;
  struct Block {
    std::uint16_t d;
    std::uint8_t high_bits[4];  // a 32-bit number that is not aligned
    std::uint8_t codes[16];
  };
  static_assert(sizeof(Block) == 22 && alignof(Block) == 2);

  static float scale(const Block& block) noexcept { return f16_to(block.d); }
  static float offset(const Block&) noexcept { return 0.0f; }
  static int code(const Block& block, int i) noexcept {
    return split_nibble(block.codes, i) + 16 * (block.high_bits[i / 8] >> (i % 8) & 1) - 16;
  }
  static void pack(float scale, float, const std::int8_t* codes, Block& out) noexcept;
};

/// w[i] = d * (nibble[i] + 16 * high_bit[i]) + m
struct Q5_1 {
  static constexpr const char* kId = "q5_1";
  static constexpr const char* kSummary = "5 bits, scale and offset for 32 weights";
  static constexpr int kWeights = 32, kCodeBits = 5, kMinCode = 0, kMaxCode = 31;
  static constexpr bool kHasOffset = true;
  struct Block {
    std::uint16_t d;
    std::uint16_t m;
    std::uint8_t high_bits[4];
    std::uint8_t codes[16];
  };
  static_assert(sizeof(Block) == 24 && alignof(Block) == 2);

  static float scale(const Block& block) noexcept { return f16_to(block.d); }
  static float offset(const Block& block) noexcept { return f16_to(block.m); }
  static int code(const Block& block, int i) noexcept {
    return split_nibble(block.codes, i) + 16 * (block.high_bits[i / 8] >> (i % 8) & 1);
  }
  static void pack(float scale, float offset, const std::int8_t* codes, Block& out) noexcept;
};

/// w[i] = d * code[i]
struct Q8_0 {
  static constexpr const char* kId = "q8_0";
  static constexpr const char* kSummary = "8 bits, one scale for 32 weights";
  static constexpr int kWeights = 32, kCodeBits = 8, kMinCode = -128, kMaxCode = 127;
  static constexpr bool kHasOffset = false;
  struct Block {
    std::uint16_t d;
    std::int8_t codes[32];
  };
  static_assert(sizeof(Block) == 34 && alignof(Block) == 2);

  static float scale(const Block& block) noexcept { return f16_to(block.d); }
  static float offset(const Block&) noexcept { return 0.0f; }
  static int code(const Block& block, int i) noexcept { return block.codes[i]; }
  static void pack(float scale, float, const std::int8_t* codes, Block& out) noexcept;
};

namespace detail {
/// The codes as stored: shifted so that the lowest is 0.
template <class Codec>
std::array<std::uint8_t, 32> stored_codes(const std::int8_t* codes) noexcept {
  std::array<std::uint8_t, 32> result{};
  for (std::size_t i = 0; i < 32; ++i) result[i] = static_cast<std::uint8_t>(codes[i] - Codec::kMinCode);
  return result;
}
template <class Block>
void pack_high_bits(const std::array<std::uint8_t, 32>& stored, Block& out) noexcept {
  const std::uint32_t bits = pack_fifth_bits(stored.data());
  std::memcpy(out.high_bits, &bits, sizeof(bits));
}
}  // namespace detail

inline void Q4_0::pack(float scale, float, const std::int8_t* codes, Block& out) noexcept {
  out.d = f16_from(scale);
  pack_split_nibbles(detail::stored_codes<Q4_0>(codes).data(), out.codes);
}
inline void Q4_1::pack(float scale, float offset, const std::int8_t* codes, Block& out) noexcept {
  out.d = f16_from(scale);
  out.m = f16_from(offset);
  pack_split_nibbles(detail::stored_codes<Q4_1>(codes).data(), out.codes);
}
inline void Q5_0::pack(float scale, float, const std::int8_t* codes, Block& out) noexcept {
  const auto stored = detail::stored_codes<Q5_0>(codes);
  out.d = f16_from(scale);
  detail::pack_high_bits(stored, out);
  pack_split_nibbles(stored.data(), out.codes);
}
inline void Q5_1::pack(float scale, float offset, const std::int8_t* codes, Block& out) noexcept {
  const auto stored = detail::stored_codes<Q5_1>(codes);
  out.d = f16_from(scale);
  out.m = f16_from(offset);
  detail::pack_high_bits(stored, out);
  pack_split_nibbles(stored.data(), out.codes);
}
inline void Q8_0::pack(float scale, float, const std::int8_t* codes, Block& out) noexcept {
  out.d = f16_from(scale);
  std::memcpy(out.codes, codes, sizeof(out.codes));
}

}  // namespace pq::gguf
