// The plain encoder of one block: the definition that the SIMD encoders are tested against.
#pragma once

#include "layouts.hpp"
#include "search.hpp"
#include "simd.hpp"

#include <polyquant/codec/block.hpp>
#include <polyquant/codec/exact_scale.hpp>
#include <polyquant/encoding.hpp>

#include <array>

namespace pq::gguf {

template <std::size_t kCount>
constexpr std::array<float, kCount> equal_weights() {
  std::array<float, kCount> ones{};
  for (float& one : ones) one = 1.0f;
  return ones;
}

/// Scale, offset and perhaps codes of one block; `w` empty: all weights count the same.
template <class Codec>
QuickFit search_block(std::span<const float> x, std::span<const float> w, Effort effort) {
  constexpr CodeRange kRange{Codec::kMinCode, Codec::kMaxCode};
  static constexpr std::array<float, Codec::kWeights> kEqual = equal_weights<Codec::kWeights>();
  QuickFit fit;
  if constexpr (Codec::kCodeBits == 8) {
    return search_fine_scale(x, w, fine_starts(effort));
  } else if constexpr (Codec::kHasOffset) {
    if (w.empty() && effort != Effort::best)
      return effort == Effort::fast ? quick_search_scale_offset(x, quick_starts<Codec, true>())
                                    : quick_search_scale_offset(x, quick_starts<Codec, false>());
    fit.stored = search_scale_offset(x, w.empty() ? std::span<const float>(kEqual) : w, Codec::kMaxCode,
                                     offset_starts<Codec>(effort));
  } else {
    if (w.empty())
      fit = effort == Effort::fast ? quick_search_scale(x, kRange, quick_starts<Codec, true>())
                                   : quick_search_scale(x, kRange, quick_starts<Codec, false>());
    else
      fit.stored.scale = search_scale(x, w, kRange, scale_starts<Codec>(effort));
    if (effort == Effort::best) {
      fit.stored.scale =
          search_scale_exact(x, w.empty() ? std::span<const float>(kEqual) : w, kRange, fit.stored.scale);
      fit.has_codes = false;
    }
  }
  return fit;
}

/// Encodes 32 weights; `w` is normalized importance (codec/importance.hpp) or empty.
template <class Codec>
void encode_reference(const float* weights, std::span<const float> w, Effort effort,
                      typename Codec::Block& out) {
  std::array<float, Codec::kWeights> x;
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = finite_weight(weights[i]);
  QuickFit fit = search_block<Codec>(x, w, effort);
  if (!fit.has_codes) {
    const float inverse = inverse_or_zero(fit.stored.scale);
    for (std::size_t i = 0; i < x.size(); ++i)
      fit.codes[i] = static_cast<std::int8_t>(
          nearest_code(x[i] - fit.stored.offset, inverse, Codec::kMinCode, Codec::kMaxCode));
  }
  Codec::pack(fit.stored.scale, fit.stored.offset, fit.codes.data(), out);
}

/// Encodes rows block by block.
template <class Codec>
void encode_rows_reference(const EncodeCall& call) {
  std::byte* to = call.out;
  for (std::int64_t r = 0; r < call.rows.rows; ++r) {
    for (std::int64_t c = 0; c < call.rows.cols; c += Codec::kWeights, to += sizeof(typename Codec::Block)) {
      typename Codec::Block block;
      const auto w = call.importance.empty()
                         ? call.importance
                         : call.importance.subspan(static_cast<std::size_t>(c), Codec::kWeights);
      encode_reference<Codec>(call.rows.row(r).data() + c, w, call.effort, block);
      store(to, block);
    }
  }
}

}  // namespace pq::gguf
