// The plain encoder of one block: the definition that the SIMD encoders are tested against.
#pragma once

#include "encode.hpp"
#include "layouts.hpp"
#include "search.hpp"

#include <polyquant/codec/block.hpp>
#include <polyquant/encoding.hpp>

#include <array>

namespace pq::gguf {


template <std::size_t kCount>
constexpr std::array<float, kCount> equal_weights() {
  std::array<float, kCount> ones{};
  for (float& one : ones) one = 1.0f;
  return ones;
}

/// Scale and offset of one block; `w` empty: all weights count the same.
template <class Codec>
ScaleOffset search_block(std::span<const float> x, std::span<const float> w, Effort effort) noexcept {
  constexpr CodeRange kRange{Codec::kMinCode, Codec::kMaxCode};
  const bool quick = w.empty() && effort != Effort::best;
  static constexpr std::array<float, Codec::kWeights> kEqual = equal_weights<Codec::kWeights>();
  if (w.empty()) w = kEqual;
  if constexpr (Codec::kCodeBits == 8) return {search_fine_scale(x, w, fine_scale_starts(effort)), 0.0f};
  else if constexpr (Codec::kHasOffset)
    return quick ? quick_search_scale_offset(x, Codec::kMaxCode, quick_offset_starts<Codec>(effort))
                 : search_scale_offset(x, w, Codec::kMaxCode, offset_starts<Codec>(effort));
  else
    return {quick ? quick_search_scale(x, kRange, quick_scale_starts<Codec>(effort)) : search_scale(x, w, kRange, scale_starts<Codec>(effort)), 0.0f};
}

/// Encodes 32 weights; `w` is normalized importance (codec/importance.hpp) or empty.
template <class Codec>
void encode_reference(const float* weights, std::span<const float> w, Effort effort, typename Codec::Block& out) noexcept {
  float x[Codec::kWeights];
  for (int i = 0; i < Codec::kWeights; ++i) x[i] = finite_weight(weights[i]);
  const ScaleOffset fit = search_block<Codec>(x, w, effort);
  const float inverse = inverse_or_zero(fit.scale);
  std::int8_t codes[Codec::kWeights];
  for (int i = 0; i < Codec::kWeights; ++i)
    codes[i] = static_cast<std::int8_t>(nearest_code(x[i] - fit.offset, inverse, Codec::kMinCode, Codec::kMaxCode));
  Codec::pack(fit.scale, fit.offset, codes, out);
}

/// Encodes rows block by block.
template <class Codec>
void encode_rows_reference(const EncodeCall& call) noexcept {
  std::byte* to = call.out;
  for (std::int64_t r = 0; r < call.rows.rows; ++r) {
    for (std::int64_t c = 0; c < call.rows.cols; c += Codec::kWeights, to += sizeof(typename Codec::Block)) {
      typename Codec::Block block;
      const auto w = call.importance.empty() ? call.importance : call.importance.subspan(static_cast<std::size_t>(c), Codec::kWeights);
      encode_reference<Codec>(call.rows.row(r).data() + c, w, call.effort, block);
      store(to, block);
    }
  }
}

}  // namespace pq::gguf
