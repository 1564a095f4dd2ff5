// Encoding and decoding whole samples, and the errors that come of it.
#pragma once

#include <polyquant/encoding.hpp>
#include <polyquant/testing/check.hpp>
#include <polyquant/testing/synthetic.hpp>

#include <cmath>
#include <span>
#include <vector>

namespace pq::testing {

inline std::vector<std::byte> encode(const Encoding& encoding, ConstMatrix weights,
                                     std::span<const float> importance = {}, Effort effort = Effort::normal) {
  std::vector<std::byte> bytes(encoding.row_bytes(weights.cols) * static_cast<std::size_t>(weights.rows));
  encoding.encoder({weights.cols, importance, effort})->encode(weights, bytes);
  return bytes;
}

inline Sample decode(const Encoding& encoding, Bytes bytes, std::int64_t rows, std::int64_t cols) {
  Sample sample{"decoded", rows, cols, std::vector<float>(static_cast<std::size_t>(rows * cols))};
  encoding.decode(bytes, Matrix{sample.values.data(), rows, cols, cols});
  return sample;
}

/// What is left of the sample after encoding and decoding.
inline Sample stored(const Encoding& encoding, const Sample& sample, std::span<const float> importance = {},
                     Effort effort = Effort::normal) {
  return decode(encoding, encode(encoding, sample.matrix(), importance, effort), sample.rows, sample.cols);
}

/// sum of importance * (a - b)^2 over that of importance * a^2; 0 if both are nothing.
inline double relative_error(const Sample& a, const Sample& b, std::span<const float> importance = {}) {
  double difference = 0, total = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const double weight = importance.empty() ? 1.0 : importance[i % importance.size()];
    const double delta = double{a.values[i]} - double{b.values[i]};
    difference += weight * delta * delta;
    total += weight * double{a.values[i]} * double{a.values[i]};
  }
  return difference == 0 ? 0 : difference / total;
}

inline bool all_finite(const Sample& sample) {
  return std::all_of(sample.values.begin(), sample.values.end(),
                     [](float value) { return std::isfinite(value); });
}

/// How much relative error gaussian weights may have in a grid of this kind, with room for encoders that do not search.
inline double error_bound(const EncodingInfo& info, std::int64_t cols) {
  const Grid& grid = info.grid;
  if (grid.family == GridFamily::lattice) return std::min(1.0, 4.0 * std::exp2(-2.0 * info.bits_per_weight));
  if (grid.family == GridFamily::floating) {
    const double bits = grid.code_bits > 0 ? grid.code_bits : info.bits_per_weight;
    if (bits >= 32) return 0;
    return bits >= 16 ? 0x1p-16 : bits >= 8 ? 0x1p-6 : 1.0;  // bf16: 8 significant bits; E5M2: 3
  }
  // Evenly spaced levels over the expected range of a group: step^2 / 12, in units of the variance.
  const double group = static_cast<double>(grid.group_cols > 0 ? grid.group_cols : cols);
  const double range = 2.0 * std::sqrt(2.0 * std::log(std::max(group, 2.0)));
  const double step = range / (std::exp2(std::max(grid.code_bits, 1)) - 1.0);
  const double room = grid.family == GridFamily::table ? 6.0 : 3.0;  // tables are coarse at their ends
  return std::min(1.0, room * step * step / 12.0);
}

}  // namespace pq::testing
