#include "common/packed_words.hpp"

#include <algorithm>

namespace pq::hf {
namespace {

// A tile of 16 x 16 words: one cache line of each row of the table, and of each stream.
constexpr std::size_t kTile = 16;

// body(word, column) for all, tile by tile.
template <class Body>
void for_tiles(std::size_t words, std::size_t count, Body body) noexcept {
  for (std::size_t r0 = 0; r0 < words; r0 += kTile)
    for (std::size_t n0 = 0; n0 < count; n0 += kTile)
      for (std::size_t n = n0; n < std::min(n0 + kTile, count); ++n)
        for (std::size_t r = r0; r < std::min(r0 + kTile, words); ++r) body(r, n);
}

}  // namespace

void columns_to_streams(const ColumnStreams& shape, const std::byte* table, std::size_t first,
                        std::size_t count, std::byte* streams) noexcept {
  for_tiles(shape.words, count, [&](std::size_t r, std::size_t n) {
    store(streams + n * shape.stride + r * 4, load<std::uint32_t>(table + (r * shape.cols + first + n) * 4));
  });
}

void streams_to_columns(const ColumnStreams& shape, const std::byte* streams, std::byte* table) noexcept {
  for_tiles(shape.words, shape.cols, [&](std::size_t r, std::size_t n) {
    store(table + (r * shape.cols + n) * 4, load<std::uint32_t>(streams + n * shape.stride + r * 4));
  });
}

}  // namespace pq::hf
