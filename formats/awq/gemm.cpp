#include "awq/gemm.hpp"

#include "common/packed_words.hpp"

#include <algorithm>

namespace pq::hf {
namespace {

// Columns whose words are moved together, so that each stream gets whole cache lines: 128 nibbles.
constexpr std::size_t kStrip = 128;

constexpr std::array<std::size_t, 8> kGemmNibbles = {0, 4, 1, 5, 2, 6, 3, 7};  // the inverse of kGemmRows

}  // namespace

void gemm_to_streams(const GemmTable& shape, const std::byte* table, std::size_t first, std::size_t count,
                     std::byte* streams) noexcept {
  const std::size_t line = shape.rows / 8 * 4;
  std::array<std::uint32_t, 8> words{};
  for (std::size_t k0 = 0; k0 < shape.cols; k0 += kStrip)
    for (std::size_t c = first / 8; c * 8 < first + count; ++c)
      for (std::size_t k = k0; k < std::min(k0 + kStrip, shape.cols); k += 8) {
        for (std::size_t j = 0; j < 8; ++j) words[j] = load<std::uint32_t>(table + (k + j) * line + c * 4);
        transpose_nibbles(words);
        for (std::size_t i = 0; i < 8; ++i) {
          const std::size_t row = 8 * c + kGemmRows[i];
          if (row >= first && row < first + count)
            store(streams + (row - first) * shape.stride + k / 2, words[i]);
        }
      }
}

void streams_to_gemm(const GemmTable& shape, const std::byte* streams, std::byte* table) noexcept {
  const std::size_t line = shape.rows / 8 * 4;
  std::array<std::uint32_t, 8> words{};
  for (std::size_t k0 = 0; k0 < shape.cols; k0 += kStrip)
    for (std::size_t c = 0; c < shape.rows / 8; ++c)
      for (std::size_t k = k0; k < std::min(k0 + kStrip, shape.cols); k += 8) {
        for (std::size_t i = 0; i < 8; ++i)
          words[i] = load<std::uint32_t>(streams + (8 * c + kGemmRows[i]) * shape.stride + k / 2);
        transpose_nibbles(words);
        for (std::size_t j = 0; j < 8; ++j) store(table + (k + j) * line + c * 4, words[j]);
      }
}

int gemm_number(const std::byte* line, std::size_t row) noexcept {
  const auto word = load<std::uint32_t>(line + row / 8 * 4);
  return static_cast<int>(word >> (4 * kGemmNibbles[row % 8]) & 15);
}

void put_gemm_number(std::byte* line, std::size_t row, int number) noexcept {
  std::byte* at = line + row / 8 * 4;
  store(at, load<std::uint32_t>(at) | static_cast<std::uint32_t>(number) << (4 * kGemmNibbles[row % 8]));
}

}  // namespace pq::hf
