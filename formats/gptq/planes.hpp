// Bit planes of GPTQModel's checkpoint_format "gptq_p": 32 numbers of 3, 5, 6 or 7 bits are as many words, first the planes of the low bits.
//   3 = 2 + 1, 5 = 4 + 1, 6 = 4 + 2, 7 = 4 + 2 + 1 bits.   In a plane of w bits, word i holds numbers i * 32 / w .. at shifts w * j.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pq::hf {

inline constexpr std::size_t kPlaneNumbers = 32;

/// Other widths are one plane, which is what a stream is.
void unpack_planes(const std::uint32_t* words, int bits, std::uint8_t* numbers) noexcept;
/// Higher bits of the numbers are ignored.
void pack_planes(const std::uint8_t* numbers, int bits, std::uint32_t* words) noexcept;

}  // namespace pq::hf
