// Shapes of tensors, in the order of the source framework: the last dimension is the row, [out, in].
#pragma once

#include <polyquant/base/export.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace pq {

using Shape = std::vector<std::int64_t>;

/// Length of a row: the last dimension; 1 for a scalar.
inline std::int64_t cols(const Shape& shape) noexcept { return shape.empty() ? 1 : shape.back(); }

/// Number of rows: the product of all dimensions but the last. The reader that made the shape has checked for overflow.
inline std::int64_t rows(const Shape& shape) noexcept {
  std::int64_t product = 1;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) product *= shape[i];
  return product;
}

/// Number of elements.
inline std::int64_t elements(const Shape& shape) noexcept { return rows(shape) * cols(shape); }

/// "[768, 1536]".
PQ_API std::string to_string(const Shape& shape);

}  // namespace pq
