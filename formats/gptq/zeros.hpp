// qzeros of GPTQ: the zero points of one group for all rows, packed along the rows.
#pragma once

#include "gptq/version.hpp"

#include <polyquant/base/bytes.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace pq::hf {

/// Zero points of the rows [first, first + out.size()) from the words of one group, 0 .. 2^bits - 1.
///
/// v1 stores zero - 1. GPTQModel subtracts a constant from whole words for 2, 4 and 8 bits, so that a zero of 0 borrows from its neighbour:
/// adding the constant to whole words restores both. For 3 bits it subtracts field by field, modulo 8.
void read_zeros(Bytes words, GptqVersion version, int bits, std::size_t first, std::span<std::uint8_t> out);

/// The words of one group, in the same way; `words` has zeros in all its bytes.
void write_zeros(std::span<const std::uint8_t> zeros, GptqVersion version, int bits, MutableBytes words);

}  // namespace pq::hf
