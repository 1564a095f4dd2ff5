// What HostMath computes of one row, or one row and head.
#pragma once

#include <polyquant/math_ops.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace pq::host_math {

inline float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

inline float activated(float x, Activation activation, float sigmoid_scale = 1) {
  constexpr float kSqrtHalf = 0.70710678118654752f, kSqrtTwoOverPi = 0.79788456080286536f;
  switch (activation) {
    case Activation::silu:
      return x * sigmoid(sigmoid_scale * x);
    case Activation::gelu:
      return 0.5f * x * (1.0f + std::erf(x * kSqrtHalf));
    case Activation::gelu_tanh:
      return 0.5f * x * (1.0f + std::tanh(kSqrtTwoOverPi * (x + 0.044715f * x * x * x)));
    case Activation::relu:
      return std::max(x, 0.0f);
    case Activation::sigmoid:
      return sigmoid(x);
  }
  return x;
}

/// The gate's part of a gated unit and the other part, limited.
inline float gated(float gate, float up, const GluOptions& options) {
  if (options.limit > 0) {
    gate = std::min(gate, options.limit);
    up = std::clamp(up, -options.limit, options.limit);
  }
  return activated(gate, options.activation, options.sigmoid_scale) * (up + options.up_offset);
}

/// Normalises one group of columns; `weight` and `bias` may be nullptr.
inline void normalise(const float* x, std::int64_t count, const float* weight, const float* bias,
                      const NormOptions& options, float* out) {
  double mean = 0, squares = 0;
  if (options.centred) {
    for (std::int64_t c = 0; c < count; ++c) mean += static_cast<double>(x[c]);
    mean /= static_cast<double>(count);
  }
  for (std::int64_t c = 0; c < count; ++c) {
    const double d = static_cast<double>(x[c]) - mean;
    squares += d * d;
  }
  const auto factor = static_cast<float>(
      1.0 / std::sqrt(squares / static_cast<double>(count) + static_cast<double>(options.epsilon)));
  for (std::int64_t c = 0; c < count; ++c) {
    const float y = (x[c] - static_cast<float>(mean)) * factor;
    out[c] = y * (weight == nullptr ? 1.0f : weight[c] + options.weight_offset) +
             (bias == nullptr ? 0.0f : bias[c]);
  }
}

/// Attention of one query row of one head; `scores` holds as many numbers as there are keys. Keys and values of that head begin at `k`, `v`.
inline void attend(const float* q, std::int64_t key_cols, const float* k, std::int64_t key_stride,
                   const float* v, std::int64_t value_cols, std::int64_t value_stride, std::int64_t position,
                   std::int64_t head, const AttentionOptions& options, std::vector<float>& scores,
                   float* out) {
  const std::int64_t first =
      options.window > 0 ? std::max<std::int64_t>(0, position - options.window + 1) : 0;
  const auto h = static_cast<std::size_t>(head);
  float top = options.sinks.empty() ? -std::numeric_limits<float>::infinity() : options.sinks[h];
  for (std::int64_t j = first; j <= position; ++j) {
    float score = 0;
    for (std::int64_t c = 0; c < key_cols; ++c) score += q[c] * k[j * key_stride + c];
    score *= options.scale;
    if (!options.slopes.empty()) score -= options.slopes[h] * static_cast<float>(position - j);
    if (options.soft_cap > 0) score = options.soft_cap * std::tanh(score / options.soft_cap);
    scores[static_cast<std::size_t>(j)] = score;
    top = std::max(top, score);
  }
  float sum = options.sinks.empty() ? 0.0f : std::exp(options.sinks[h] - top);
  std::fill_n(out, value_cols, 0.0f);
  for (std::int64_t j = first; j <= position; ++j) {
    const float weight = std::exp(scores[static_cast<std::size_t>(j)] - top);
    sum += weight;
    for (std::int64_t c = 0; c < value_cols; ++c) out[c] += weight * v[j * value_stride + c];
  }
  for (std::int64_t c = 0; c < value_cols; ++c) out[c] /= sum;
}

}  // namespace pq::host_math
