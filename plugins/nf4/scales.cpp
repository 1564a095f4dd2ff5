#include "nf4/scales.hpp"

#include <polyquant/codec/importance.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace pq::nf4 {
namespace {

constexpr std::array<float, 256> kDynamicMap{
#include "nf4/dynamic_map.inc"
};

constexpr float kSmallestDivisor = 1e-38f;
constexpr float kLargest = std::numeric_limits<float>::max();

// Scales to try, relative to the largest magnitude. On normal weights, equal or log-normal importance, 97 % of the best ones lie between 0.7
// and 1.45; above 1.1 the largest weight takes the level below the last one.
constexpr std::array<float, 7> kTries{0.74f, 0.82f, 0.90f, 0.98f, 1.06f, 1.24f, 1.38f};
constexpr auto kManyTries = [] {
  std::array<float, 48> tries{};
  for (std::size_t i = 0; i < tries.size(); ++i)
    tries[i] = 0.5f + 1.2f * static_cast<float>(i) / static_cast<float>(tries.size() - 1);
  return tries;
}();

}  // namespace

ScaleMap::ScaleMap() {
  scales_.map = kDynamicMap;
  sort();
}
ScaleMap::ScaleMap(const NestedScales& scales) : scales_(scales) { sort(); }

void ScaleMap::sort() {
  std::iota(rising_.begin(), rising_.end(), std::uint8_t{0});
  std::stable_sort(rising_.begin(), rising_.end(),
                   [&](std::uint8_t a, std::uint8_t b) { return scales_.map[a] < scales_.map[b]; });
  for (std::size_t i = 0; i < rising_.size(); ++i) place_[rising_[i]] = static_cast<std::uint8_t>(i);
}

std::uint8_t ScaleMap::nearest(float scale, float& range) const {
  const float distance = scale - scales_.offset;
  if (scales_.range < 0.0f) {  // the code at the end of the map, and the range that makes it exact
    const std::uint8_t end = distance < 0.0f ? rising_.front() : rising_.back();
    const float value = scales_.map[end];
    range = value == 0.0f ? 0.0f : std::clamp(distance / value, 0.0f, kLargest);
    return end;
  }
  range = scales_.range;
  const float wanted = distance * finite_inverse(range);
  const auto above = std::partition_point(rising_.begin() + 1, rising_.end(), [&](std::uint8_t code) {
    const std::uint8_t below = rising_[static_cast<std::size_t>(place_[code]) - 1];
    return (scales_.map[below] + scales_.map[code]) * 0.5f < wanted;
  });
  return *(above - 1);
}

std::uint8_t ScaleMap::neighbour(std::uint8_t code, int step) const {
  return rising_[static_cast<std::size_t>(std::clamp(place_[code] + step, 0, 255))];
}

float finite_inverse(float scale) noexcept {
  return scale == 0.0f ? 0.0f : 1.0f / std::copysign(std::max(std::abs(scale), kSmallestDivisor), scale);
}

ScaleChooser::ScaleChooser(const Levels& levels, const ScaleMap* map, Effort effort)
    : levels_(levels), map_(map), effort_(effort) {}

ChosenScale ScaleChooser::as_stored(float scale) const {
  ChosenScale stored{scale, finite_inverse(scale)};
  if (map_ == nullptr) return stored;
  stored.code = map_->nearest(scale, stored.range);
  stored.scale = map_->scales().scale(stored.code, stored.range);
  return stored;  // with the inverse of the scale that was wanted, as bitsandbytes does it
}

ChosenScale ScaleChooser::choose(const CleanBlock& block, float* scratch) const {
  if (effort_ == Effort::fast || block.largest == 0.0f) return as_stored(block.largest);
  scaled_block(block.x, block.padded, finite_inverse(block.largest), scratch);
  const Block relative{scratch, block.importance, block.padded};
  const auto tries =
      effort_ == Effort::best ? std::span<const float>(kManyTries) : std::span<const float>(kTries);
  // A table that is the same upside down gains nothing from the other sign, and nested scales lie around a positive mean.
  const bool both_signs = map_ == nullptr && levels_.count == 16;
  float scale = block.largest * best_scale(levels_, relative, tries, both_signs);
  scale = std::clamp(scale, -kLargest, kLargest);
  if (scale == 0.0f) scale = block.largest;
  return map_ == nullptr ? as_stored(scale) : best_stored(relative, block.largest, scale);
}

std::array<ChosenScale, 3> ScaleChooser::stored_around(float scale) const {
  const ChosenScale middle = as_stored(scale);
  std::array<ChosenScale, 3> all{middle, middle, middle};
  if (map_ == nullptr) return all;
  constexpr std::array<int, 3> kSteps{0, -1, 1};
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].code = map_->neighbour(middle.code, kSteps[i]);
    all[i].scale = map_->scales().scale(all[i].code, all[i].range);
    all[i].inverse = finite_inverse(all[i].scale);
  }
  return all;
}

/// Of the stored scales around the wanted one and around the largest magnitude the best, with codes chosen for it.
ChosenScale ScaleChooser::best_stored(const Block& block, float largest, float scale) const {
  ChosenScale best;
  float least = std::numeric_limits<float>::infinity();
  const float relative = finite_inverse(largest);
  for (const float wanted : {scale, largest}) {
    for (const ChosenScale& other : stored_around(wanted)) {
      const float error = block_error(levels_, block, other.scale * relative);
      if (!(error < least)) continue;
      least = error;
      best = other;
    }
  }
  return least < std::numeric_limits<float>::infinity() ? best : as_stored(largest);
}

std::vector<float> padded_importance(std::span<const float> importance, std::size_t block) {
  if (importance.empty()) return {};
  const std::vector<float> normalized = normalized_importance(importance, block);
  const std::size_t padded = (block + kStep - 1) / kStep * kStep,
                    blocks = (importance.size() + block - 1) / block;
  std::vector<float> result(blocks * padded, 0.0f);
  for (std::size_t i = 0; i < normalized.size(); ++i) result[i / block * padded + i % block] = normalized[i];
  return result;
}

}  // namespace pq::nf4
