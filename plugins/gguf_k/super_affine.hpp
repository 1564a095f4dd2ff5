// The exact view of super-blocks as scale * code + offset, and the way back: the group scales must be multiples of one f16 number.
#pragma once

#include "super_block.hpp"

#include <cmath>
#include <optional>

namespace pq::gguf {

template <class Codec>
bool unpack_affine_super(Bytes row, std::int64_t cols, AffineRow& out) {
  using Block = typename Codec::Block;
  constexpr std::size_t kGroups = group_count<Codec>();
  const std::size_t blocks = static_cast<std::size_t>(cols) / kSuperWeights;
  out.group_cols = Codec::kGroup;
  out.scales.resize(blocks * kGroups);
  out.offsets.assign(blocks * kGroups, 0.0f);
  out.codes.resize(static_cast<std::size_t>(cols));
  SuperBlock block;
  for (std::size_t b = 0; b < blocks; ++b) {
    Codec::unpack(load<Block>(row.data() + b * sizeof(Block)), block);
    for (std::size_t g = 0; g < kGroups; ++g) {
      out.scales[b * kGroups + g] = group_scale(block, g);
      if (Codec::kHasOffset) out.offsets[b * kGroups + g] = -group_offset(block, g);
    }
    std::copy(block.codes.begin(), block.codes.end(),
              out.codes.begin() + static_cast<std::ptrdiff_t>(b * kSuperWeights));
  }
  return true;
}

/// An f16 number of which all `values` are multiples by integers lowest..highest (lowest <= 0 < highest), with these integers in `codes`.
inline std::optional<float> common_factor(std::span<const float> values, int lowest, int highest,
                                          std::int16_t* codes) noexcept {
  float largest = 0;
  for (const float value : values)
    if (std::abs(value) > std::abs(largest)) largest = value;
  if (largest == 0.0f) {
    std::fill_n(codes, values.size(), std::int16_t{0});
    return 0.0f;
  }
  for (int k = lowest; k <= highest; ++k) {
    if (k == 0) continue;
    const float factor = largest / static_cast<float>(k);
    if (!std::isfinite(factor) || f16_to(f16_from(factor)) != factor) continue;
    bool fits = true;
    for (std::size_t g = 0; fits && g < values.size(); ++g) {
      const float code = std::nearbyint(values[g] / factor);
      fits = code >= static_cast<float>(lowest) && code <= static_cast<float>(highest) &&
             factor * code == values[g];
      if (fits) codes[g] = static_cast<std::int16_t>(code);
    }
    if (fits) return factor;
  }
  return std::nullopt;
}

/// False unless every super-block can hold these values exactly, with its codes as they are.
template <class Codec>
bool pack_affine_super(const AffineRow& row, MutableBytes out) {
  using Block = typename Codec::Block;
  constexpr std::size_t kGroups = group_count<Codec>();
  if (row.group_cols <= 0 || row.codes.size() % kSuperWeights != 0) return false;
  const std::size_t group = static_cast<std::size_t>(row.group_cols);
  for (std::size_t b = 0; b < row.codes.size() / kSuperWeights; ++b) {
    SuperBlock block;
    std::array<float, kGroups> scales, offsets;
    for (std::size_t g = 0; g < kGroups; ++g) {
      const std::size_t first = b * kSuperWeights + g * Codec::kGroup, last = first + Codec::kGroup - 1;
      scales[g] = row.scales[first / group];
      offsets[g] = -row.offsets[first / group];
      for (std::size_t i = first / group; i <= last / group; ++i)
        if (row.scales[i] != scales[g] || -row.offsets[i] != offsets[g]) return false;
    }
    const auto d = common_factor(scales, Codec::kMinScale, Codec::kMaxScale, block.scales.data());
    const auto dmin = common_factor(offsets, 0, Codec::kMaxMin, block.mins.data());
    if (!d || !dmin) return false;
    block.d = *d;
    block.dmin = *dmin;
    for (std::size_t i = 0; i < kSuperWeights; ++i) {
      const std::int32_t code = row.codes[b * kSuperWeights + i];
      if (code < Codec::kMinCode || code > Codec::kMaxCode) return false;
      block.codes[i] = static_cast<std::int8_t>(code);
    }
    Block packed;
    Codec::pack(block, packed);
    store(out.data() + b * sizeof(Block), packed);
  }
  return true;
}

}  // namespace pq::gguf
