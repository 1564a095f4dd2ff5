// What an encoding made of equal blocks has to tell about its block, and the plain decoder that follows from it.
//
//   struct Q4_0 {
//     static constexpr const char* kId = "q4_0";
//     static constexpr int kWeights = 32;                // per block
//     static constexpr int kMinCode = -8, kMaxCode = 7;  // of the value formula, not as stored
//     static constexpr bool kHasOffset = false;
//     struct Block { ... };                              // the bytes, with a static_assert
//     static float scale(const Block&), offset(const Block&);
//     static int code(const Block&, int i);
//     static void pack(float scale, float offset, const std::int8_t* codes, Block&);   // scale and offset are f16 numbers already
//   };
//
// The value of weight i is  scale * code[i] + offset  (without the sum if !kHasOffset, which matters for the sign of zero).
#pragma once

#include <polyquant/base/bytes.hpp>

#include <cstddef>
#include <cstdint>

namespace pq {

/// The definition of decoding: one weight of one block.
template <class Codec>
float block_value(const typename Codec::Block& block, int i) noexcept {
  const float product = Codec::scale(block) * static_cast<float>(Codec::code(block, i));
  return Codec::kHasOffset ? product + Codec::offset(block) : product;
}

template <class Codec>
void decode_block(const typename Codec::Block& block, float* out) noexcept {
  for (int i = 0; i < Codec::kWeights; ++i) out[i] = block_value<Codec>(block, i);
}

/// Decodes `count` blocks that follow each other.
template <class Codec>
void decode_blocks_reference(const std::byte* from, std::size_t count, float* out) noexcept {
  using Block = typename Codec::Block;
  for (std::size_t b = 0; b < count; ++b)
    decode_block<Codec>(load<Block>(from + b * sizeof(Block)),
                        out + b * static_cast<std::size_t>(Codec::kWeights));
}

}  // namespace pq
