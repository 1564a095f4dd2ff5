// How tensors are cut into row ranges for reading: always the same, whatever the number of threads, so that sums are the same too.
#pragma once

#include <polyquant/base/export.hpp>
#include <polyquant/base/shape.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pq {

struct ViewTensor;

/// Rows [first, first + count) of a tensor.
struct Piece {
  std::size_t tensor = 0;  // meaning is the caller's
  std::int64_t first = 0;
  std::int64_t count = 0;
};

/// About this many weights are decoded at a time: 256 KiB of f32, which stay in a core's second-level cache.
inline constexpr std::int64_t kPieceWeights = 1 << 16;

/// Number of rows that have weights: none if a dimension is 0, whatever the others claim.
PQ_API std::int64_t weight_rows(const Shape& shape) noexcept;

/// Rows to read at a time: about `weights`. Every row of a transposed matrix needs all of its stored rows, so that a piece of one is all
/// of it, or, of a large one, as much as fits some MiB and at least a 32nd.
PQ_API std::int64_t rows_at_a_time(const ViewTensor& tensor, std::int64_t weights) noexcept;

/// Rows of a piece of this tensor.
PQ_API std::int64_t piece_rows(const ViewTensor& tensor) noexcept;

/// Appends pieces of at most `rows_at_a_time` rows that cover [0, rows).
PQ_API void append_pieces(std::vector<Piece>& pieces, std::size_t tensor, std::int64_t rows,
                          std::int64_t rows_at_a_time);

}  // namespace pq
