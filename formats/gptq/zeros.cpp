#include "gptq/zeros.hpp"

#include "common/packed_words.hpp"
#include "gptq/planes.hpp"

#include <algorithm>
#include <array>

namespace pq::hf {
namespace {

// 1 in every field of a word, or 0 where fields cross words.
constexpr std::uint32_t ones(int bits) noexcept {
  return bits == 2 ? 0x55555555u : bits == 4 ? 0x11111111u : bits == 8 ? 0x01010101u : 0u;
}

void read_planes(Bytes words, int bits, std::size_t first, std::span<std::uint8_t> out) {
  std::array<std::uint32_t, 8> block{};
  std::array<std::uint8_t, kPlaneNumbers> numbers{};
  const auto block_bytes = static_cast<std::size_t>(bits) * 4;
  for (std::size_t done = 0; done < out.size();) {
    const std::size_t at = first + done, inside = at % kPlaneNumbers,
                      count = std::min(kPlaneNumbers - inside, out.size() - done);
    std::memcpy(block.data(), words.data() + at / kPlaneNumbers * block_bytes, block_bytes);
    unpack_planes(block.data(), bits, numbers.data());
    std::copy_n(numbers.data() + inside, count, out.data() + done);
    done += count;
  }
}

}  // namespace

void read_zeros(Bytes words, GptqVersion version, int bits, std::size_t first, std::span<std::uint8_t> out) {
  if (is_in_planes(version, bits)) return read_planes(words, bits, first, out);
  const auto mask = (1u << bits) - 1;
  const std::uint32_t constant = version == GptqVersion::v1 ? ones(bits) : 0;
  const unsigned by_field = version == GptqVersion::v1 && constant == 0 ? 1 : 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    unsigned zero = 0;
    if (constant != 0) {
      const std::size_t bit = (first + i) * static_cast<std::size_t>(bits);
      zero = (load<std::uint32_t>(words.data() + bit / 32 * 4) + constant) >> (bit % 32);
    } else {
      zero = stream_number(words.data(), bits, first + i) + by_field;
    }
    out[i] = static_cast<std::uint8_t>(zero & mask);
  }
}

void write_zeros(std::span<const std::uint8_t> zeros, GptqVersion version, int bits, MutableBytes words) {
  if (is_in_planes(version, bits)) {
    std::array<std::uint32_t, 8> block{};
    const auto block_bytes = static_cast<std::size_t>(bits) * 4;
    for (std::size_t i = 0; i * kPlaneNumbers < zeros.size(); ++i) {
      pack_planes(zeros.data() + i * kPlaneNumbers, bits, block.data());
      std::memcpy(words.data() + i * block_bytes, block.data(), block_bytes);
    }
    return;
  }
  const auto mask = (1u << bits) - 1;
  const std::uint32_t constant = version == GptqVersion::v1 ? ones(bits) : 0;
  const unsigned by_field = version == GptqVersion::v1 && constant == 0 ? mask : 0;  // -1 modulo 2^bits
  for (std::size_t i = 0; i < zeros.size(); ++i)
    put_stream_number(words.data(), bits, i, (zeros[i] + by_field) & mask);
  if (constant == 0) return;
  for (std::size_t at = 0; at < words.size(); at += 4)
    store(words.data() + at, load<std::uint32_t>(words.data() + at) - constant);
}

}  // namespace pq::hf
