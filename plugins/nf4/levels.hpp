// The levels of nf4 and fp4 as bitsandbytes defines them, in rising order.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

namespace pq::nf4 {

/// level[k] is chosen if thresholds[k - 1] < y <= thresholds[k]; thresholds are the f32 means of their neighbours.
struct Levels {
  int count = 16;
  alignas(64) std::array<float, 16> level{};
  alignas(64) std::array<float, 16> threshold{};  // infinite from count - 1 on
  std::array<std::uint8_t, 16> code{};            // as stored
  std::array<float, 16> value{};                  // of each stored code

  constexpr Levels(int levels, const std::array<float, 16>& rising, const std::array<std::uint8_t, 16>& codes)
      : count(levels), level(rising), code(codes) {
    for (std::size_t k = 0; k < 16; ++k) {
      const bool is_last = static_cast<int>(k) + 1 >= count;
      threshold[k] = is_last ? std::numeric_limits<float>::infinity() : (level[k] + level[k + 1]) / 2.0f;
    }
    for (std::size_t k = 0; k < static_cast<std::size_t>(count); ++k) value[code[k]] = level[k];
  }
};

/// Quantiles of the normal distribution (bitsandbytes functional.py, get_4bit_type; QLoRA, appendix E).
inline constexpr Levels kNf4(16,
                             {-1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,
                              -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,
                              0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f,
                              0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f,
                              0.7229568362236023f, 1.0f},
                             {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});

/// A sign bit and eight magnitudes 0, 1/192, 1/6, 1/4, 1/3, 1/2, 2/3, 1 with the codes 0, 1, 6, 7, 4, 5, 2, 3 (the same place). The code 8 is
/// a second zero, never chosen.
inline constexpr Levels kFp4(15,
                             {-1.0f, -0.6666666865348816f, -0.5f, -0.3333333432674408f, -0.25f,
                              -0.1666666716337204f, -0.0052083334885537624f, 0.0f, 0.0052083334885537624f,
                              0.1666666716337204f, 0.25f, 0.3333333432674408f, 0.5f, 0.6666666865348816f,
                              1.0f, 1.0f},
                             {11, 10, 13, 12, 15, 14, 9, 0, 1, 6, 7, 4, 5, 2, 3, 3});

}  // namespace pq::nf4
