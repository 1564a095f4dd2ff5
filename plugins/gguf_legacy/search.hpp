// How hard each encoding is searched: the one place with these numbers, for the reference and for SIMD.
// Measured by tests/bench/encoders.py; what each level costs and brings: docs/explain/scale-search.md.
#pragma once

#include <polyquant/codec/offset_search.hpp>
#include <polyquant/codec/scale_search.hpp>
#include <polyquant/encoding.hpp>

namespace pq::gguf {

/// Peak codes relative to the lowest code (-8, -16): 1 puts the largest weight on it, above 1 clips it, below 0 is the other sign.
inline constexpr float kFastPeaks4[] = {-8.0f, -7.2f, -7.6f, -8.4f, -8.8f, 6.6f, 7.2f, 8.0f};
inline constexpr float kFastPeaks5[] = {-16.0f, -14.4f, -15.2f, -16.8f, -17.6f, 13.5f, 14.5f, 15.5f};

template <class Codec>
ScaleStarts scale_starts(Effort) noexcept {
  if constexpr (Codec::kCodeBits == 4) return {kFastPeaks4, 2, 2};
  else return {kFastPeaks5, 2, 2};
}

template <class Codec>
OffsetStarts offset_starts(Effort) noexcept {
  return {};
}

}  // namespace pq::gguf
