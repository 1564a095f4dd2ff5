#include "gptq/planes.hpp"

#include <algorithm>
#include <bit>

namespace pq::hf {
namespace {

// body(width of the plane, its lowest bit in a number, its first word): the widths are the powers of two that add up to `bits`, 4 at most
// unless there is only one plane.
template <class Body>
void for_planes(int bits, Body body) noexcept {
  int low = 0;
  for (int rest = bits; rest > 0;) {
    const int width = static_cast<int>(std::bit_floor(static_cast<unsigned>(rest)));
    body(static_cast<std::size_t>(width), low, static_cast<std::size_t>(low));
    low += width;
    rest -= width;
  }
}

}  // namespace

void unpack_planes(const std::uint32_t* words, int bits, std::uint8_t* numbers) noexcept {
  std::fill_n(numbers, kPlaneNumbers, std::uint8_t{0});
  for_planes(bits, [&](std::size_t width, int low, std::size_t first) {
    const std::size_t per_word = kPlaneNumbers / width;
    for (std::size_t i = 0; i < kPlaneNumbers; ++i) {
      const std::uint32_t part = words[first + i / per_word] >> (i % per_word * width) & ((1u << width) - 1);
      numbers[i] = static_cast<std::uint8_t>(numbers[i] | part << low);
    }
  });
}

void pack_planes(const std::uint8_t* numbers, int bits, std::uint32_t* words) noexcept {
  std::fill_n(words, bits, 0u);
  for_planes(bits, [&](std::size_t width, int low, std::size_t first) {
    const std::size_t per_word = kPlaneNumbers / width;
    for (std::size_t i = 0; i < kPlaneNumbers; ++i) {
      const std::uint32_t part = static_cast<std::uint32_t>(numbers[i] >> low) & ((1u << width) - 1);
      words[first + i / per_word] |= part << (i % per_word * width);
    }
  });
}

}  // namespace pq::hf
