#include "forward/activation_rounding.hpp"

#include <polyquant/base/half.hpp>

#include <algorithm>
#include <cmath>

namespace pq {
namespace {

/// To the nearest integer, ties to even, for |x| up to 2^22; unlike lrint() it is vectorised everywhere.
float nearest(float x) noexcept {
  constexpr float kShift = 0x1.8p23f;
  return (x + kShift) - kShift;
}

/// Codes of -127 to 127 by the largest magnitude; the factor that multiplies them back is stored as f16 (ggml's q8_0 and q8_1).
void round_q8_0(std::span<float> block) noexcept {
  float largest = 0;
  for (const float x : block) largest = std::max(largest, std::abs(x));
  const float scale = f16_to(f16_from(largest / 127.0f)), inverse = largest > 0 ? 127.0f / largest : 0;
  for (float& x : block) x = scale * nearest(x * inverse);
}

/// The number of the largest magnitude gets the code -127, whatever its sign; the factor stays f32 (ggml's q8_K).
void round_q8_k(std::span<float> block) noexcept {
  float largest = 0, peak = 0;
  for (const float x : block)
    if (std::abs(x) > largest) {
      largest = std::abs(x);
      peak = x;
    }
  if (largest == 0) return std::fill(block.begin(), block.end(), 0.0f);
  const float inverse = -127.0f / peak, scale = 1 / inverse;
  for (float& x : block) x = scale * std::min(127.0f, nearest(x * inverse));
}

template <class Round>
void each_block(std::span<float> row, std::size_t cols, const Round& round) noexcept {
  for (std::size_t begin = 0; begin < row.size(); begin += cols)
    round(row.subspan(begin, std::min(cols, row.size() - begin)));
}

}  // namespace

void round_activations(ActivationRounding rounding, std::span<float> row) noexcept {
  switch (rounding) {
    case ActivationRounding::none:
      break;
    case ActivationRounding::f16:
      for (float& x : row) x = f16_to(f16_from(x));
      break;
    case ActivationRounding::bf16:
      for (float& x : row) x = bf16_to(bf16_from(x));
      break;
    case ActivationRounding::q8_0:
      each_block(row, 32, round_q8_0);
      break;
    case ActivationRounding::q8_k:
      each_block(row, 256, round_q8_k);
      break;
  }
}

}  // namespace pq
