// The passes over the weights of one block, chosen at run time for the machine's instruction set. All give the same bits: sums run in 16
// lanes whatever the vector width, and are added up in one order.
#pragma once

#include "nf4/levels.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace pq::nf4 {

/// Weights of a block are padded with zeros to a multiple of this.
inline constexpr std::size_t kStep = 16;

/// Copies `count` weights to `clean` and pads them; NaN becomes 0, infinities the largest number. Returns the largest magnitude.
float clean_block(const float* weights, std::size_t count, float* clean);

/// Stored codes, one per byte, of the levels nearest to x * inverse.
void block_codes(const Levels& levels, const float* x, std::size_t padded, float inverse, std::uint8_t* out);

/// A block to be searched. `importance`: one number per weight, 0 for the padding; null: all equal.
struct Block {
  const float* y = nullptr;  // weights relative to the largest magnitude
  const float* importance = nullptr;
  std::size_t padded = 0;
};

/// x * factor.
void scaled_block(const float* x, std::size_t padded, float factor, float* y);

/// Sum of importance * (y - scale * level)^2 with the nearest levels.
float block_error(const Levels& levels, const Block& block, float scale);

/// The best scale that starting at each of `tries` leads to, relative to the largest magnitude; `both_signs`: also at their negatives. 1 if
/// none is better than that.
float best_scale(const Levels& levels, const Block& block, std::span<const float> tries, bool both_signs);

}  // namespace pq::nf4
