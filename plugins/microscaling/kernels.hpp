// Encoding and decoding of whole blocks, chosen at run time for the machine's instruction set. All give the same bytes.
#pragma once

#include "layouts.hpp"

#include <polyquant/base/matrix.hpp>
#include <polyquant/encoding.hpp>

#include <cstddef>

namespace pq::microscaling {

/// `importance`: one number per column (codec/block_encoding.hpp).
struct Fp4Call {
  ConstMatrix rows;
  const float* importance = nullptr;
  Effort effort = Effort::normal;
  std::byte* out = nullptr;
};

template <class Type>
void encode_fp4(const Fp4Call& call);
template <>
void encode_fp4<Mxfp4>(const Fp4Call& call);
template <>
void encode_fp4<Nvfp4>(const Fp4Call& call);

template <class Type>
void decode_fp4(const std::byte* from, std::size_t count, float* out);
template <>
void decode_fp4<Mxfp4>(const std::byte* from, std::size_t count, float* out);
template <>
void decode_fp4<Nvfp4>(const std::byte* from, std::size_t count, float* out);

}  // namespace pq::microscaling
