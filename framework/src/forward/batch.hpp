// Texts that run together.
#pragma once

#include <polyquant/math_ops.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace pq {

/// Tokens of several texts, one after another: the rows of all activations.
struct Batch {
  std::vector<std::int32_t> tokens;
  std::vector<std::int64_t> begins{0};  // of every text, and the end of the last

  std::int64_t rows() const noexcept { return static_cast<std::int64_t>(tokens.size()); }
  std::size_t texts() const noexcept { return begins.size() - 1; }
  std::int64_t length(std::size_t text) const noexcept { return begins[text + 1] - begins[text]; }
  void append(std::span<const std::int32_t> text) {
    tokens.insert(tokens.end(), text.begin(), text.end());
    begins.push_back(rows());
  }
  /// Every text sees itself and nothing else.
  std::vector<AttentionSpan> spans() const {
    std::vector<AttentionSpan> result;
    for (std::size_t t = 0; t < texts(); ++t) result.push_back({begins[t], length(t), begins[t], length(t)});
    return result;
  }
};

}  // namespace pq
