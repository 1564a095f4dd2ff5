// The packing of AWQ's version "gemm": words along the rows, their eight nibbles interleaved.
//   Nibble i of word c holds row 8 c + O[i] with O = 0 2 4 6 1 3 5 7 (AutoAWQ, awq/utils/packing_utils.py).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace pq::hf {

inline constexpr std::array<std::size_t, 8> kGemmRows = {0, 2, 4, 6, 1, 3, 5, 7};

/// A table [cols, rows / 8] of words, and streams of 4-bit codes of its rows `stride` bytes apart. `rows` and `cols` are multiples of 8.
struct GemmTable {
  std::size_t rows = 0, cols = 0, stride = 0;
};

/// Streams of the rows [first, first + count).
void gemm_to_streams(const GemmTable& shape, const std::byte* table, std::size_t first, std::size_t count,
                     std::byte* streams) noexcept;
/// The whole table.
void streams_to_gemm(const GemmTable& shape, const std::byte* streams, std::byte* table) noexcept;

/// Number of row `row` in a line of words.
int gemm_number(const std::byte* line, std::size_t row) noexcept;
/// Adds it to a line that has zeros in its place.
void put_gemm_number(std::byte* line, std::size_t row, int number) noexcept;

}  // namespace pq::hf
