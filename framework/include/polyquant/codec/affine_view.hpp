// The exact view of blocks as scale * code + offset, and the way back.
#pragma once

#include <polyquant/base/half.hpp>
#include <polyquant/codec/block.hpp>
#include <polyquant/encoding.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace pq {

/// Encoding::unpack_affine for a row of blocks with one scale each.
template <class Codec>
bool unpack_affine_blocks(Bytes row, std::int64_t cols, AffineRow& out) {
  using Block = typename Codec::Block;
  const std::size_t blocks = static_cast<std::size_t>(cols) / Codec::kWeights;
  out.group_cols = Codec::kWeights;
  out.scales.resize(blocks);
  out.offsets.resize(blocks);
  out.codes.resize(static_cast<std::size_t>(cols));
  for (std::size_t b = 0; b < blocks; ++b) {
    const Block block = load<Block>(row.data() + b * sizeof(Block));
    out.scales[b] = Codec::scale(block);
    out.offsets[b] = Codec::offset(block);
    for (int i = 0; i < Codec::kWeights; ++i)
      out.codes[b * Codec::kWeights + static_cast<std::size_t>(i)] = Codec::code(block, i);
  }
  return true;
}

namespace detail {

inline bool is_f16(float value) noexcept { return std::isfinite(value) && f16_to(f16_from(value)) == value; }

/// Packs codes `sign * code + shift` with this scale and offset if the block then decodes to exactly `values`.
template <class Codec>
bool pack_exactly(float scale, float offset, const std::int32_t* codes, std::int64_t sign, std::int64_t shift,
                  const float* values, typename Codec::Block& out) noexcept {
  if (!is_f16(scale) || !is_f16(offset)) return false;
  std::array<std::int8_t, Codec::kWeights> packed;
  for (std::size_t i = 0; i < packed.size(); ++i) {
    const std::int64_t code = sign * codes[i] + shift;
    if (code < Codec::kMinCode || code > Codec::kMaxCode) return false;
    packed[i] = static_cast<std::int8_t>(code);
  }
  Codec::pack(scale, offset, packed.data(), out);
  for (int i = 0; i < Codec::kWeights; ++i)
    if (block_value<Codec>(out, i) != values[i]) return false;
  return true;
}

template <class Codec>
bool pack_affine_block(float scale, float offset, const std::int32_t* codes,
                       typename Codec::Block& out) noexcept {
  std::array<float, Codec::kWeights> values;
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = scale * static_cast<float>(codes[i]) + offset;
  const auto try_pack = [&](float s, float o, std::int64_t sign, std::int64_t shift) {
    return pack_exactly<Codec>(s, o, codes, sign, shift, values.data(), out);
  };
  if constexpr (Codec::kHasOffset) {
    const auto [low, high] = std::minmax_element(codes, codes + Codec::kWeights);
    return try_pack(scale, offset, 1, 0) ||
           try_pack(scale, offset + scale * static_cast<float>(*low), 1, -static_cast<std::int64_t>(*low)) ||
           try_pack(-scale, offset + scale * static_cast<float>(*high), -1, *high);
  } else {
    if (scale == 0.0f) return try_pack(offset, 0.0f, 0, 1);
    // Without a stored offset the given one must be a whole number of steps.
    const float steps = offset / scale;
    if (!(std::abs(steps) <= 65536.0f) || steps != std::nearbyint(steps)) return false;
    const std::int64_t shift = static_cast<std::int64_t>(steps);
    return try_pack(scale, 0.0f, 1, shift) || try_pack(-scale, 0.0f, -1, -shift);
  }
}

}  // namespace detail

/// Encoding::pack_affine for a row of blocks: false unless every block can hold its values exactly.
template <class Codec>
bool pack_affine_blocks(const AffineRow& row, MutableBytes out) {
  using Block = typename Codec::Block;
  if (row.group_cols <= 0 || row.codes.size() % Codec::kWeights != 0) return false;
  const std::size_t group = static_cast<std::size_t>(row.group_cols);
  for (std::size_t b = 0; b < row.codes.size() / Codec::kWeights; ++b) {
    const std::size_t first = b * Codec::kWeights;
    const std::size_t begin = first / group, last = (first + Codec::kWeights - 1) / group;
    for (std::size_t g = begin; g <= last; ++g)
      if (row.scales[g] != row.scales[begin] || row.offsets[g] != row.offsets[begin]) return false;
    Block block;
    if (!detail::pack_affine_block<Codec>(row.scales[begin], row.offsets[begin], row.codes.data() + first,
                                          block))
      return false;
    store(out.data() + b * sizeof(Block), block);
  }
  return true;
}

}  // namespace pq
