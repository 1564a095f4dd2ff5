// What the error of a single weight counts.
#pragma once

#include <polyquant/encoding.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

namespace pq {

/// Whether errors of large weights should count more than those of small ones, found with llama.cpp as judge of whole models; see
/// docs/adr/0015-what-errors-count.md.
inline bool magnitude_counts(const EncodingInfo& encoding, bool has_importance) noexcept {
  constexpr double kFewBits = 3.5;  // q3_k and iq3_s have 3.4375
  constexpr double kSomeBits = 4.5;
  constexpr int kSuperBlock = 256;
  if (!encoding.uses_importance) return false;
  if (has_importance) return encoding.grid.family == GridFamily::affine && encoding.grid.code_bits == 2;
  return encoding.bits_per_weight < kFewBits ||
         (encoding.bits_per_weight <= kSomeBits && encoding.block_cols == kSuperBlock);
}

/// importance * sqrt(mean x^2 + x^2), the mean taken over `block_cols` columns; no importance: 1 everywhere. Weights that are not finite count as 0
/// here, they have no magnitude that could be compared. Products beyond f32 become its largest number.
inline void magnitude_weights(std::span<const float> row, std::span<const float> importance,
                              std::size_t block_cols, std::span<float> out) noexcept {
  const auto square = [&](std::size_t i) {
    const double x = row[i];
    return std::isfinite(x) ? x * x : 0.0;
  };
  for (std::size_t begin = 0; begin < row.size(); begin += block_cols) {
    const std::size_t end = std::min(begin + block_cols, row.size());
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) sum += square(i);
    const double mean = sum / static_cast<double>(end - begin);
    for (std::size_t i = begin; i < end; ++i)
      out[i] = static_cast<float>(
          std::min((importance.empty() ? 1.0 : importance[i]) * std::sqrt(mean + square(i)),
                   double{std::numeric_limits<float>::max()}));
  }
}

}  // namespace pq
