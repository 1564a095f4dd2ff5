// How tensors are cut into row ranges for reading: always the same, whatever the number of threads, so that sums are the same too.
#pragma once

#include <polyquant/base/export.hpp>

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

/// Rows of a piece of this tensor: about kPieceWeights, or a whole matrix if it is stored transposed.
PQ_API std::int64_t piece_rows(const ViewTensor& tensor) noexcept;

/// Appends pieces of at most `rows_at_a_time` rows that cover [0, rows).
PQ_API void append_pieces(std::vector<Piece>& pieces, std::size_t tensor, std::int64_t rows,
                          std::int64_t rows_at_a_time);

}  // namespace pq
