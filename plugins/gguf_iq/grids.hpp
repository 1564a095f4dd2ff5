// ggml's codebooks: which combinations of levels 4 or 8 neighbouring weights may have.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace pq::gguf_iq {

enum class GridId { iq2xxs, iq2xs, iq2s, iq3xxs, iq3s, iq1s };

/// Weights that one grid point stands for.
constexpr int grid_elements(GridId id) noexcept { return id == GridId::iq3xxs || id == GridId::iq3s ? 4 : 8; }

/// Levels of the grids, as multiples of the smallest that a scale code stands for. IQ1's move by 1/8 up, or down if shifted.
inline constexpr std::array<float, 3> kLevels2{1.0f, 3.125f, 5.375f};  // 8, 25, 43 eighths
inline constexpr std::array<float, 8> kLevels3Xxs{1.0f, 3.0f, 5.0f, 7.0f, 9.0f, 11.0f, 13.0f, 15.5f};
inline constexpr std::array<float, 8> kLevels3S{1.0f, 3.0f, 5.0f, 7.0f, 9.0f, 11.0f, 13.0f, 15.0f};
inline constexpr std::array<float, 3> kLevels1{-0.875f, 0.125f, 1.125f};
inline constexpr std::array<float, 3> kLevels1Down{-1.125f, -0.125f, 0.875f};

constexpr std::span<const float> levels_of(GridId id, bool shifted_down = false) noexcept {
  if (id == GridId::iq3xxs) return kLevels3Xxs;
  if (id == GridId::iq3s) return kLevels3S;
  if (id == GridId::iq1s) return shifted_down ? kLevels1Down : kLevels1;
  return kLevels2;
}

/// All points, ascending: level numbers of 2 bits (8 weights) or 3 bits (4 weights), first weight lowest.
std::span<const std::uint16_t> grid_points(GridId id) noexcept;

/// Levels of one point.
inline void grid_levels(GridId id, std::uint16_t index, bool shifted_down, float* out) noexcept {
  const int elements = grid_elements(id), bits = elements == 4 ? 3 : 2;
  const std::span<const float> levels = levels_of(id, shifted_down);
  const unsigned point = grid_points(id)[index];
  for (int j = 0; j < elements; ++j) out[j] = levels[point >> bits * j & ((1u << bits) - 1u)];
}

}  // namespace pq::gguf_iq
