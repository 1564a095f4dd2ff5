// What GGUF's K types have in common: super-blocks of 256 weights in groups of 16 or 32, an integer scale (and minimum) per group, and f16
// factors for these (llama.cpp ggml-quants.c).
//
//   w[i] = d * scales[g] * codes[i]  -  dmin * mins[g],   g = i / kGroup
//
// A type tells:
//   struct Q6_K {
//     static constexpr const char *kId, *kSummary;
//     static constexpr int kGroup, kCodeBits, kMinCode, kMaxCode;   // codes of the formula, not as stored
//     static constexpr int kMinScale, kMaxScale;
//     static constexpr bool kHasOffset;  static constexpr int kMaxMin;   // minima are 0..kMaxMin
//     struct Block { ... };                                          // the bytes, with a static_assert
//     static void unpack(const Block&, SuperBlock&), pack(const SuperBlock&, Block&);
//   };
#pragma once

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/half.hpp>
#include <polyquant/base/matrix.hpp>
#include <polyquant/encoding.hpp>

#include <array>
#include <cstdint>
#include <span>

namespace pq::gguf {

inline constexpr std::size_t kSuperWeights = 256;
inline constexpr std::size_t kMostGroups = 16;

/// A super-block unpacked. The layouts of the types differ, this does not.
struct SuperBlock {
  float d = 0, dmin = 0;  // f16 numbers
  std::array<std::int16_t, kMostGroups> scales{}, mins{};
  alignas(64) std::array<std::int8_t, kSuperWeights> codes{};
};

template <class Codec>
constexpr std::size_t group_count() {
  return kSuperWeights / static_cast<std::size_t>(Codec::kGroup);
}

/// The product is exact (11 bits times 8 bits); so is its product with a code.
inline float group_scale(const SuperBlock& block, std::size_t g) noexcept {
  return block.d * static_cast<float>(block.scales[g]);
}
inline float group_offset(const SuperBlock& block, std::size_t g) noexcept {
  return block.dmin * static_cast<float>(block.mins[g]);  // subtracted
}

/// The definition of decoding: one weight.
template <class Codec>
float super_value(const SuperBlock& block, std::size_t i) noexcept {
  const std::size_t g = i / static_cast<std::size_t>(Codec::kGroup);
  const float product = group_scale(block, g) * static_cast<float>(block.codes[i]);
  return Codec::kHasOffset ? product - group_offset(block, g) : product;
}

template <class Codec>
void decode_super_blocks_reference(const std::byte* from, std::size_t count, float* out) noexcept {
  using Block = typename Codec::Block;
  SuperBlock block;
  for (std::size_t b = 0; b < count; ++b, out += kSuperWeights) {
    Codec::unpack(load<Block>(from + b * sizeof(Block)), block);
    for (std::size_t i = 0; i < kSuperWeights; ++i) out[i] = super_value<Codec>(block, i);
  }
}

/// Rows to encode. `importance` comes from prepare_importance(): one per column.
struct SuperCall {
  ConstMatrix rows;
  std::span<const float> importance;
  Effort effort = Effort::normal;
  std::byte* out = nullptr;
};

/// What a type's source file provides, chosen at run time for the machine's instruction set. All targets give the same bytes.
template <class Codec>
void encode_super_blocks(const SuperCall& call);
template <class Codec>
void decode_super_blocks(const std::byte* from, std::size_t count, float* out);

}  // namespace pq::gguf
