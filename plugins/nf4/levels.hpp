// The levels of nf4 and fp4 in rising order.
#pragma once

#include <polyquant/codec/table_row.hpp>

#include <array>
#include <cstdint>
#include <limits>

namespace pq::nf4 {

/// level[k] is chosen if threshold[k - 1] < y <= threshold[k]; thresholds are the f32 means of their neighbours.
struct Levels {
  int count = 16;
  alignas(64) std::array<float, 16> level{};
  alignas(64) std::array<float, 16> threshold{};  // infinite from count - 1 on
  std::array<std::uint8_t, 16> code{};            // as stored
  std::array<float, 16> value{};                  // of each stored code

  constexpr Levels(int levels, const std::array<float, 16>& values,
                   const std::array<std::uint8_t, 16>& rising)
      : count(levels), code(rising), value(values) {
    for (std::size_t k = 0; k < 16; ++k) level[k] = value[code[k]];
    for (std::size_t k = 0; k < 16; ++k) {
      const bool is_last = static_cast<int>(k) + 1 >= count;
      threshold[k] = is_last ? std::numeric_limits<float>::infinity() : (level[k] + level[k + 1]) / 2.0f;
    }
  }
};

inline constexpr Levels kNf4(16, kNf4Values, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});

/// 15 levels: of the two zeros the code 0.
inline constexpr Levels kFp4(15, kFp4Values, {11, 10, 13, 12, 15, 14, 9, 0, 1, 6, 7, 4, 5, 2, 3, 3});

}  // namespace pq::nf4
