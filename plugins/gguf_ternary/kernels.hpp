// Encoding and decoding of whole blocks, chosen at run time for the machine's instruction set. All give the same bytes.
#pragma once

#include "layouts.hpp"

#include <polyquant/base/matrix.hpp>
#include <polyquant/encoding.hpp>

#include <cstddef>

namespace pq::gguf_ternary {

/// `importance`: one number per column (codec/block_encoding.hpp).
struct TernaryCall {
  ConstMatrix rows;
  const float* importance = nullptr;
  Effort effort = Effort::normal;
  std::byte* out = nullptr;
};

template <class Type>
void encode_ternary(const TernaryCall& call);
template <>
void encode_ternary<Tq10>(const TernaryCall& call);
template <>
void encode_ternary<Tq20>(const TernaryCall& call);

template <class Type>
void decode_ternary(const std::byte* from, std::size_t count, float* out);
template <>
void decode_ternary<Tq10>(const std::byte* from, std::size_t count, float* out);
template <>
void decode_ternary<Tq20>(const std::byte* from, std::size_t count, float* out);

}  // namespace pq::gguf_ternary
