// Encoding and decoding of iq4_nl and iq4_xs, chosen at run time for the machine's instruction set. All give the same bytes.
#pragma once

#include "iq4_layouts.hpp"

#include <polyquant/base/matrix.hpp>
#include <polyquant/encoding.hpp>

#include <cstddef>

namespace pq::gguf_iq {

/// `importance`: one number per column (codec/block_encoding.hpp).
struct Iq4Call {
  ConstMatrix rows;
  const float* importance = nullptr;
  Effort effort = Effort::normal;
  std::byte* out = nullptr;
};

template <class Type>
void encode_iq4(const Iq4Call& call);
template <>
void encode_iq4<Iq4Nl>(const Iq4Call& call);
template <>
void encode_iq4<Iq4Xs>(const Iq4Call& call);

/// Decodes groups of 32 weights of one block.
template <class Type>
void decode_iq4(const std::byte* from, std::size_t count, float* out);
template <>
void decode_iq4<Iq4Nl>(const std::byte* from, std::size_t count, float* out);
template <>
void decode_iq4<Iq4Xs>(const std::byte* from, std::size_t count, float* out);

}  // namespace pq::gguf_iq
