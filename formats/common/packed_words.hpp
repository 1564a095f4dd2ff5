// Codes of few bits in tables of 32-bit words, and the same codes as the ends of rows: the moves between both that several formats share.
// A "stream" is a row of codes with the first in the lowest bits; since words are little-endian, a stream of words is one of bytes.
#pragma once

#include <polyquant/base/bytes.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace pq::hf {

/// A table of words and the rows that its columns become. Word r of column n is word r of the stream of row n.
struct ColumnStreams {
  std::size_t words = 0;   // of a column
  std::size_t cols = 0;    // of the table
  std::size_t stride = 0;  // bytes between the streams of two rows
};

/// Streams of the columns [first, first + count) of a table.
void columns_to_streams(const ColumnStreams& shape, const std::byte* table, std::size_t first,
                        std::size_t count, std::byte* streams) noexcept;
/// All columns of a table.
void streams_to_columns(const ColumnStreams& shape, const std::byte* streams, std::byte* table) noexcept;

/// Nibble i of word j becomes nibble j of word i.
inline void transpose_nibbles(std::array<std::uint32_t, 8>& words) noexcept {
  const auto exchange = [&](std::size_t a, std::size_t b, int shift, std::uint32_t mask) {
    const std::uint32_t change = ((words[a] >> shift) ^ words[b]) & mask;
    words[b] ^= change;
    words[a] ^= change << shift;
  };
  for (const std::size_t j : {0, 1, 2, 3}) exchange(j, j + 4, 16, 0x0000ffff);
  for (const std::size_t j : {0, 1, 4, 5}) exchange(j, j + 2, 8, 0x00ff00ff);
  for (const std::size_t j : {0, 2, 4, 6}) exchange(j, j + 1, 4, 0x0f0f0f0f);
}

/// Number `index` of a stream of `bits`-bit numbers in whole words.
inline unsigned stream_number(const std::byte* stream, int bits, std::size_t index) noexcept {
  const std::size_t bit = index * static_cast<std::size_t>(bits), shift = bit % 32;
  std::uint64_t word = load<std::uint32_t>(stream + bit / 32 * 4);
  if (shift + static_cast<std::size_t>(bits) > 32)
    word |= static_cast<std::uint64_t>(load<std::uint32_t>(stream + bit / 32 * 4 + 4)) << 32;
  return static_cast<unsigned>(word >> shift) & ((1u << bits) - 1);
}

/// Adds a number to a stream that has zeros in its place.
inline void put_stream_number(std::byte* stream, int bits, std::size_t index, unsigned number) noexcept {
  const std::size_t bit = index * static_cast<std::size_t>(bits), shift = bit % 32;
  const std::uint64_t word = static_cast<std::uint64_t>(number) << shift;
  std::byte* at = stream + bit / 32 * 4;
  store(at, load<std::uint32_t>(at) | static_cast<std::uint32_t>(word));
  if (shift + static_cast<std::size_t>(bits) > 32)
    store(at + 4, load<std::uint32_t>(at + 4) | static_cast<std::uint32_t>(word >> 32));
}

}  // namespace pq::hf
