// The SIMD encoders and decoders, chosen at run time for the machine's instruction set. All give the bytes of reference.hpp.
#pragma once

#include "layouts.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/matrix.hpp>
#include <polyquant/encoding.hpp>

#include <span>

namespace pq::gguf {

/// Rows to encode. `importance` is normalized (codec/importance.hpp), one per column, or empty.
struct EncodeCall {
  ConstMatrix rows;
  std::span<const float> importance;
  Effort effort = Effort::normal;
  std::byte* out = nullptr;
};

template <class Codec>
void encode_rows(const EncodeCall& call);
template <>
void encode_rows<Q4_0>(const EncodeCall& call);
template <>
void encode_rows<Q4_1>(const EncodeCall& call);
template <>
void encode_rows<Q5_0>(const EncodeCall& call);
template <>
void encode_rows<Q5_1>(const EncodeCall& call);
template <>
void encode_rows<Q8_0>(const EncodeCall& call);

/// Decodes blocks that follow each other.
template <class Codec>
void decode_blocks(const std::byte* from, std::size_t count, float* out);
template <>
void decode_blocks<Q4_0>(const std::byte* from, std::size_t count, float* out);
template <>
void decode_blocks<Q4_1>(const std::byte* from, std::size_t count, float* out);
template <>
void decode_blocks<Q5_0>(const std::byte* from, std::size_t count, float* out);
template <>
void decode_blocks<Q5_1>(const std::byte* from, std::size_t count, float* out);
template <>
void decode_blocks<Q8_0>(const std::byte* from, std::size_t count, float* out);

}  // namespace pq::gguf
