// Views of row-major f32 matrices. They own nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pq {

/// rows x cols numbers that may be read; row r starts at data + r * stride.
struct ConstMatrix {
  const float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;  // distance between rows, in elements

  std::span<const float> row(std::int64_t r) const noexcept {
    return {data + r * stride, static_cast<std::size_t>(cols)};
  }
  /// Rows [first, first + count).
  ConstMatrix slice(std::int64_t first, std::int64_t count) const noexcept {
    return {data + first * stride, count, cols, stride};
  }
};

/// rows x cols numbers that may be written.
struct Matrix {
  float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;

  std::span<float> row(std::int64_t r) const noexcept {
    return {data + r * stride, static_cast<std::size_t>(cols)};
  }
  Matrix slice(std::int64_t first, std::int64_t count) const noexcept {
    return {data + first * stride, count, cols, stride};
  }
  operator ConstMatrix() const noexcept { return {data, rows, cols, stride}; }
};

}  // namespace pq
