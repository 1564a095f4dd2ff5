// The plain encoder of one block: the definition that the SIMD encoders are tested against.
#pragma once

#include "careful.hpp"
#include "layouts.hpp"
#include "simd.hpp"

#include <polyquant/codec/block.hpp>
#include <polyquant/codec/exact_scale.hpp>
#include <polyquant/encoding.hpp>

#include <array>

namespace pq::gguf {

/// Scale, offset and perhaps codes of one block; `w` empty: all weights count the same.
template <class Codec>
QuickFit search_block(std::span<const float> x, std::span<const float> w, Effort effort) {
  constexpr CodeRange kRange{Codec::kMinCode, Codec::kMaxCode};
  const std::span<const float> weights = w.empty() ? std::span<const float>(kEqualWeights) : w;
  QuickFit fit;
  if constexpr (Codec::kCodeBits == 8) {
    return search_fine_scale(x, w, fine_starts(effort));
  } else if constexpr (Codec::kHasOffset) {
    if (w.empty() && effort != Effort::best)
      return effort == Effort::fast ? quick_search_scale_offset(x, quick_starts<Codec, true>())
                                    : quick_search_scale_offset(x, quick_starts<Codec, false>());
    fit.stored = search_scale_offset(x, weights, Codec::kMaxCode, offset_starts<Codec>(effort));
  } else {
    if (w.empty())
      fit = effort == Effort::fast ? quick_search_scale(x, kRange, quick_starts<Codec, true>())
                                   : quick_search_scale(x, kRange, quick_starts<Codec, false>());
    else
      fit.stored.scale = search_scale(x, w, kRange, scale_starts<Codec>(effort));
    if (effort == Effort::best) {
      fit.stored.scale = search_scale_exact(x, weights, kRange, fit.stored.scale);
      fit.has_codes = fit.fits = false;
    }
  }
  return fit;
}

/// The codes that are stored.
template <class Codec>
void choose_codes(std::span<const float> x, QuickFit& fit) {
  if (fit.has_codes) return;
  const float inverse = inverse_or_zero(fit.stored.scale);
  for (std::size_t i = 0; i < x.size(); ++i)
    fit.codes[i] = static_cast<std::int8_t>(
        nearest_code(x[i] - fit.stored.offset, inverse, Codec::kMinCode, Codec::kMaxCode));
  fit.has_codes = true;
}

/// Error of a fit without offset, with its own codes.
inline float decoded_error(std::span<const float> x, std::span<const float> w, const QuickFit& fit) noexcept {
  float error = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float difference = x[i] - fit.stored.scale * static_cast<float>(fit.codes[i]);
    error += (w[i] * difference) * difference;
  }
  return error;
}

/// With the second look; `best` includes what `normal` finds.
template <class Codec>
QuickFit find_fit(std::span<const float> x, std::span<const float> w, Effort effort) {
  QuickFit fit = search_block<Codec>(x, w, effort);
  look_again_at<Codec>(x, w, effort, fit);
  if (effort != Effort::best) return fit;
  const std::span<const float> weights = w.empty() ? std::span<const float>(kEqualWeights) : w;
  QuickFit normal = find_fit<Codec>(x, w, Effort::normal);
  if constexpr (Codec::kCodeBits == 8) {  // the searches judge in integers
    choose_codes<Codec>(x, fit);
    choose_codes<Codec>(x, normal);
    return decoded_error(x, weights, normal) < decoded_error(x, weights, fit) ? normal : fit;
  }
  if (stored_error<Codec>(x, weights, normal.stored) < stored_error<Codec>(x, weights, fit.stored))
    fit.stored = normal.stored;
  return fit;
}

/// Encodes 32 weights; `w` is normalized importance (codec/importance.hpp) or empty.
template <class Codec>
void encode_reference(const float* weights, std::span<const float> w, Effort effort,
                      typename Codec::Block& out) {
  std::array<float, Codec::kWeights> x;
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = finite_weight(weights[i]);
  QuickFit fit = find_fit<Codec>(x, w, effort);
  choose_codes<Codec>(x, fit);
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
