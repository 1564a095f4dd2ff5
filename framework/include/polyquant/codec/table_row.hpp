// Rows of 4-bit codes of a table of levels, with a scale for each block of columns: what the encodings nf4 and fp4 and the formats that
// store them agree on.
//
//   w[i] = level[code[i]] * scale[i / block]
//
// A row: the codes, two in each byte, the first in the HIGH nibble (an odd row ends with a zero nibble); then
//   single:  one f32 scale per block
//   nested:  one u8 code per block, then one f32 range per block;  scale = map[code] * range + offset
// What the rows of a nested tensor share: f32 offset, f32 common range of the blocks (negative: each block has its own), f32 map[256].
#pragma once

#include <polyquant/base/bytes.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace pq {

/// NF4: quantiles of the normal distribution, by code (bitsandbytes functional.py, get_4bit_type; QLoRA, appendix E).
inline constexpr std::array<float, 16> kNf4Values{-1.0f,
                                                  -0.6961928009986877f,
                                                  -0.5250730514526367f,
                                                  -0.39491748809814453f,
                                                  -0.28444138169288635f,
                                                  -0.18477343022823334f,
                                                  -0.09105003625154495f,
                                                  0.0f,
                                                  0.07958029955625534f,
                                                  0.16093020141124725f,
                                                  0.24611230194568634f,
                                                  0.33791524171829224f,
                                                  0.44070982933044434f,
                                                  0.5626170039176941f,
                                                  0.7229568362236023f,
                                                  1.0f};

/// FP4 of bitsandbytes, by code: a sign bit and the magnitudes 0, 1/192, 2/3, 1, 1/3, 1/2, 1/6, 1/4. The code 8 is a second zero.
inline constexpr std::array<float, 16> kFp4Values{0.0f,
                                                  0.0052083334885537624f,
                                                  0.6666666865348816f,
                                                  1.0f,
                                                  0.3333333432674408f,
                                                  0.5f,
                                                  0.1666666716337204f,
                                                  0.25f,
                                                  0.0f,
                                                  -0.0052083334885537624f,
                                                  -0.6666666865348816f,
                                                  -1.0f,
                                                  -0.3333333432674408f,
                                                  -0.5f,
                                                  -0.1666666716337204f,
                                                  -0.25f};

/// Where the parts of a row are.
class TableRow {
 public:
  TableRow(std::int64_t cols, std::int64_t block, bool nested) noexcept
      : codes_((static_cast<std::size_t>(cols) + 1) / 2),
        blocks_(static_cast<std::size_t>((cols + block - 1) / block)),
        nested_(nested) {}

  std::size_t code_bytes() const noexcept { return codes_; }
  std::size_t blocks() const noexcept { return blocks_; }
  /// Of the f32 scales, or of the u8 codes of nested ones.
  std::size_t scales_at() const noexcept { return codes_; }
  /// Of the f32 ranges of nested scales.
  std::size_t ranges_at() const noexcept { return codes_ + blocks_; }
  std::size_t bytes() const noexcept { return codes_ + blocks_ * (nested_ ? 5 : 4); }

 private:
  std::size_t codes_, blocks_;
  bool nested_;
};

/// What the rows of a nested tensor share.
struct NestedScales {
  static constexpr std::size_t kBytes = (2 + 256) * sizeof(float);
  static constexpr float kOwnRanges = -1.0f;

  float offset = 0.0f;
  float range = kOwnRanges;
  std::array<float, 256> map{};

  static NestedScales read(const std::byte* from) noexcept {
    NestedScales scales;
    scales.offset = load<float>(from);
    scales.range = load<float>(from + 4);
    std::memcpy(scales.map.data(), from + 8, sizeof(scales.map));
    return scales;
  }
  void write(std::byte* to) const noexcept {
    store(to, offset);
    store(to + 4, range);
    std::memcpy(to + 8, map.data(), sizeof(map));
  }
  float scale(std::uint8_t code, float block_range) const noexcept {
    const float product = map[code] * block_range;
    return product + offset;
  }
};

}  // namespace pq
