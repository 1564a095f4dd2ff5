// The plain encoder of one block: the definition that the SIMD encoders are tested against.
#pragma once

#include "layouts.hpp"

#include <polyquant/codec/block.hpp>
#include <polyquant/codec/offset_search.hpp>
#include <polyquant/codec/scale_search.hpp>
#include <polyquant/encoding.hpp>

namespace pq::gguf {


template <class Codec>
ScaleOffset search_block(std::span<const float> x, std::span<const float> w, Effort) noexcept {
  if constexpr (Codec::kHasOffset) {
    return search_scale_offset(x, w, Codec::kMaxCode, OffsetStarts{});
  } else {
    static constexpr float kStarts[] = {1.0f, 0.9f, 0.95f, 1.05f, 1.1f, -0.8f, -0.9f, -1.0f};
    float peaks[std::size(kStarts)];
    for (std::size_t i = 0; i < std::size(kStarts); ++i) peaks[i] = kStarts[i] * Codec::kMinCode;
    return {search_scale(x, w, {Codec::kMinCode, Codec::kMaxCode}, {peaks, 2, 2}), 0.0f};
  }
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

}  // namespace pq::gguf
