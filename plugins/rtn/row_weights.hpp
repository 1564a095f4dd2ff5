// What the error of a single weight counts.
#pragma once

#include <polyquant/encoding.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace pq {

/// Whether errors of large weights should count more than those of small ones, found with llama.cpp as judge of whole models; see
/// docs/adr/0015-what-errors-count.md. That says nothing of other programs' encodings (affine, nf4, fp4, int8), whose encoders would also be
/// many times slower with weights of its own for every row.
inline bool magnitude_counts(const EncodingInfo& encoding, bool has_importance) noexcept {
  constexpr double kFewBits = 3.5;  // q3_k and iq3_s have 3.4375
  constexpr double kSomeBits = 4.5;
  constexpr int kSuperBlock = 256;
  const bool is_of_llama_cpp =
      encoding.activations == ActivationRounding::q8_0 || encoding.activations == ActivationRounding::q8_k;
  if (!encoding.uses_importance || !is_of_llama_cpp) return false;
  if (has_importance) return encoding.grid.family == GridFamily::affine && encoding.grid.code_bits == 2;
  return encoding.bits_per_weight < kFewBits ||
         (encoding.bits_per_weight <= kSomeBits && encoding.block_cols == kSuperBlock);
}

/// The columns of a mean: those of a block; where any number of columns is a row, those that share a scale.
inline std::size_t mean_cols(const EncodingInfo& encoding, std::int64_t cols) noexcept {
  const int wanted = encoding.block_cols > 1 ? encoding.block_cols : encoding.grid.group_cols;
  return static_cast<std::size_t>(std::max<std::int64_t>(wanted > 0 ? wanted : cols, 1));
}

/// importance * sqrt(mean x^2 + x^2), the mean taken over `mean_cols` columns; no importance: 1 everywhere. Weights that are not finite count as 0
/// here, they have no magnitude that could be compared. Products beyond f32 become its largest number.
inline void magnitude_weights(std::span<const float> row, std::span<const float> importance,
                              std::size_t mean_cols, std::span<float> out) noexcept {
  const auto square = [&](std::size_t i) {
    const double x = row[i];
    return std::isfinite(x) ? x * x : 0.0;
  };
  for (std::size_t begin = 0; begin < row.size(); begin += mean_cols) {
    const std::size_t end = std::min(begin + mean_cols, row.size());
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
