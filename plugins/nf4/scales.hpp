// Which scale a block gets, and how it is stored.
#pragma once

#include "nf4/kernels.hpp"

#include <polyquant/codec/table_row.hpp>
#include <polyquant/encoding.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace pq::nf4 {

/// Nested scales with what encoding them needs.
class ScaleMap {
 public:
  /// With the standard map.
  ScaleMap();
  explicit ScaleMap(const NestedScales& scales);

  const NestedScales& scales() const noexcept { return scales_; }
  /// The code whose scale is nearest, of two the lower; `range` is set to the range that belongs to it.
  std::uint8_t nearest(float scale, float& range) const;
  /// The next lower (-1) or higher (+1) map value's code; the same at the ends.
  std::uint8_t neighbour(std::uint8_t code, int step) const;

 private:
  void sort();

  NestedScales scales_;
  std::array<std::uint8_t, 256> rising_{};  // codes by value
  std::array<std::uint8_t, 256> place_{};   // of each code in rising_
};

/// The scale of one block.
struct ChosenScale {
  float scale = 0.0f;    // as decoded
  float inverse = 0.0f;  // weights times this are looked up
  std::uint8_t code = 0;
  float range = 0.0f;
};

/// 1 / scale, finite; 0 for 0. bitsandbytes divides by no less than 1e-38 either.
float finite_inverse(float scale) noexcept;

/// A block as the chooser sees it. `importance` as in Block.
struct CleanBlock {
  const float* x = nullptr;
  const float* importance = nullptr;
  std::size_t padded = 0;
  float largest = 0.0f;
};

/// Callable from any thread.
class ScaleChooser {
 public:
  /// `map`: of nested scales, or null. Both outlive the chooser.
  ScaleChooser(const Levels& levels, const ScaleMap* map, Effort effort);
  /// `scratch`: room for block.padded numbers.
  ChosenScale choose(const CleanBlock& block, float* scratch) const;
  /// The number that can be stored nearest to `scale`, and its neighbours if there are few: nested ones.
  std::array<ChosenScale, 3> stored_around(float scale) const;

 private:
  ChosenScale as_stored(float scale) const;
  ChosenScale best_stored(const Block& block, float largest, float scale) const;

  const Levels& levels_;
  const ScaleMap* map_;
  Effort effort_;
};

/// Importance relative to the largest of each block, each block padded with zeros; empty for none.
std::vector<float> padded_importance(std::span<const float> importance, std::size_t block);

}  // namespace pq::nf4
