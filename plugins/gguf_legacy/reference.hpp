// The plain encoder of one block: the definition that the SIMD encoders are tested against.
#pragma once

#include "encode.hpp"
#include "layouts.hpp"
#include "search.hpp"

#include <polyquant/codec/block.hpp>
#include <polyquant/codec/offset_search.hpp>
#include <polyquant/codec/scale_search.hpp>
#include <polyquant/encoding.hpp>

#include <array>

namespace pq::gguf {


template <class Codec>
ScaleOffset search_block(std::span<const float> x, std::span<const float> w, Effort effort) noexcept {
  if constexpr (Codec::kHasOffset) return search_scale_offset(x, w, Codec::kMaxCode, offset_starts<Codec>(effort));
  else return {search_scale(x, w, {Codec::kMinCode, Codec::kMaxCode}, scale_starts<Codec>(effort)), 0.0f};
}

/// Encodes 32 weights; `w` is normalized importance (codec/importance.hpp), all ones for none.
template <class Codec>
void encode_reference(const float* weights, const float* w, Effort effort, typename Codec::Block& out) noexcept {
  float x[Codec::kWeights];
  for (int i = 0; i < Codec::kWeights; ++i) x[i] = finite_weight(weights[i]);
  const ScaleOffset fit = search_block<Codec>(x, {w, Codec::kWeights}, effort);
  const float inverse = inverse_or_zero(fit.scale);
  std::int8_t codes[Codec::kWeights];
  for (int i = 0; i < Codec::kWeights; ++i)
    codes[i] = static_cast<std::int8_t>(nearest_code(x[i] - fit.offset, inverse, Codec::kMinCode, Codec::kMaxCode));
  Codec::pack(fit.scale, fit.offset, codes, out);
}

/// Encodes rows block by block.
template <class Codec>
void encode_rows_reference(const EncodeCall& call) noexcept {
  static constexpr std::array<float, Codec::kWeights> kEqual = [] {
    std::array<float, Codec::kWeights> ones{};
    ones.fill(1.0f);
    return ones;
  }();
  std::byte* to = call.out;
  for (std::int64_t r = 0; r < call.rows.rows; ++r) {
    for (std::int64_t c = 0; c < call.rows.cols; c += Codec::kWeights, to += sizeof(typename Codec::Block)) {
      typename Codec::Block block;
      const float* w = call.importance.empty() ? kEqual.data() : call.importance.data() + c;
      encode_reference<Codec>(call.rows.row(r).data() + c, w, call.effort, block);
      store(to, block);
    }
  }
}

}  // namespace pq::gguf
