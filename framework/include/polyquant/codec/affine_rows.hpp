// Rows of the encoding `affine`: where scales, zeros and codes lie in memory. For the encoding itself and for formats that repack its
// rows (GPTQ, AWQ, HQQ, MLX, compressed-tensors).
//
//   zero: integer   w[i] = scale * (code[i] - zero)     the difference is exact, so there is one rounding
//         float     w[i] = scale * (code[i] - zero)     in f32, difference and product rounded (HQQ)
//         offset    w[i] = scale * code[i] + offset     in f32, product and sum rounded (MLX)
//   symmetric       w[i] = scale * (code[i] - 2^(bits - 1))
//
// A row: G scales | G zeros or offsets unless symmetric | codes, first in the lowest bits, padded to a whole byte.   G = ceil(cols / group)
// Integer zeros are 0..2^bits: one byte each, two for 8 bits (readers of GPTQ files see 1..2^bits). Others have the type of the scales.
// With act_order the group of column i is not i / group but shared[i]: one little-endian int32 per column, the same for all rows.
#pragma once

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/half.hpp>
#include <polyquant/codec/affine_options.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace pq {

enum class AffineZero : std::uint8_t { none, integer, real, offset };
enum class AffineScale : std::uint8_t { f16, bf16, f32 };

/// The layout of rows of a certain length. `row` is always the first byte of one; none of the functions checks an index.
class AffineRows {
 public:
  AffineRows(const AffineOptions& options, std::int64_t cols)
      : bits_(options.bits),
        zero_kind_(options.symmetric           ? AffineZero::none
                   : options.zero == "integer" ? AffineZero::integer
                   : options.zero == "float"   ? AffineZero::real
                                               : AffineZero::offset),
        scale_type_(options.scale == "f16"    ? AffineScale::f16
                    : options.scale == "bf16" ? AffineScale::bf16
                                              : AffineScale::f32),
        cols_(static_cast<std::size_t>(cols)),
        group_cols_(options.group < 0 ? std::max<std::size_t>(cols_, 1)
                                      : static_cast<std::size_t>(options.group)),
        groups_((cols_ + group_cols_ - 1) / group_cols_) {}

  int bits() const noexcept { return bits_; }
  AffineZero zero_kind() const noexcept { return zero_kind_; }
  AffineScale scale_type() const noexcept { return scale_type_; }
  std::size_t cols() const noexcept { return cols_; }
  /// Columns of each group but the last, which may have fewer; more than cols() if there is only one.
  std::size_t group_cols() const noexcept { return group_cols_; }
  std::size_t groups() const noexcept { return groups_; }
  int max_code() const noexcept { return (1 << bits_) - 1; }

  std::size_t scale_bytes() const noexcept { return scale_type_ == AffineScale::f32 ? 4 : 2; }
  std::size_t zero_bytes() const noexcept {
    if (zero_kind_ == AffineZero::none) return 0;
    return zero_kind_ == AffineZero::integer ? (bits_ < 8 ? 1 : 2) : scale_bytes();
  }
  std::size_t code_bytes() const noexcept { return (cols_ * static_cast<std::size_t>(bits_) + 7) / 8; }
  /// Offsets of the parts of a row; the scales come first.
  std::size_t zeros_at() const noexcept { return groups_ * scale_bytes(); }
  std::size_t codes_at() const noexcept { return groups_ * (scale_bytes() + zero_bytes()); }
  std::size_t row_bytes() const noexcept { return codes_at() + code_bytes(); }

  float scale(const std::byte* row, std::size_t group) const noexcept {
    return real(row + group * scale_bytes());
  }
  /// Stores the nearest number of the scales' type.
  void set_scale(std::byte* row, std::size_t group, float value) const noexcept {
    set_real(row + group * scale_bytes(), value);
  }

  /// Integer zeros, and the middle code of a symmetric grid.
  int zero(const std::byte* row, std::size_t group) const noexcept {
    if (zero_kind_ == AffineZero::none) return 1 << (bits_ - 1);
    const std::byte* at = row + zeros_at() + group * zero_bytes();
    return bits_ < 8 ? static_cast<int>(*at) : load<std::uint16_t>(at);
  }
  /// 0..2^bits; only where zeros are integers.
  void set_zero(std::byte* row, std::size_t group, int value) const noexcept {
    std::byte* at = row + zeros_at() + group * zero_bytes();
    if (bits_ < 8)
      *at = static_cast<std::byte>(value);
    else
      store(at, static_cast<std::uint16_t>(value));
  }
  /// Real zeros, or offsets.
  float real_zero(const std::byte* row, std::size_t group) const noexcept {
    return real(row + zeros_at() + group * zero_bytes());
  }
  void set_real_zero(std::byte* row, std::size_t group, float value) const noexcept {
    set_real(row + zeros_at() + group * zero_bytes(), value);
  }

  int code(const std::byte* row, std::size_t column) const noexcept {
    const Place place = place_of(row, column);
    unsigned word = static_cast<unsigned>(*place.at);
    if (place.shift + bits_ > 8) word |= static_cast<unsigned>(place.at[1]) << 8;
    return static_cast<int>(word >> place.shift) & max_code();
  }
  /// 0..max_code(); the other codes stay.
  void set_code(std::byte* row, std::size_t column, int code) const noexcept {
    const Place place = place_of(row, column);
    std::byte* at = row + (place.at - row);
    const unsigned mask = static_cast<unsigned>(max_code()) << place.shift, bits = static_cast<unsigned>(code)
                                                                                   << place.shift;
    at[0] = (at[0] & static_cast<std::byte>(~mask)) | static_cast<std::byte>(bits);
    if (place.shift + bits_ > 8)
      at[1] = (at[1] & static_cast<std::byte>(~mask >> 8)) | static_cast<std::byte>(bits >> 8);
  }

  /// All codes of a row, one byte each.
  void unpack_codes(const std::byte* row, std::uint8_t* codes) const noexcept {
    for_words([&](std::size_t first, std::size_t count, std::size_t at, std::size_t bytes) {
      std::uint64_t word = 0;
      std::memcpy(&word, row + codes_at() + at, bytes);
      for (std::size_t i = 0; i < count; ++i)
        codes[first + i] = static_cast<std::uint8_t>(word >> (i * static_cast<std::size_t>(bits_)) &
                                                     static_cast<unsigned>(max_code()));
    });
  }
  /// Their inverse; codes are 0..max_code().
  void pack_codes(const std::uint8_t* codes, std::byte* row) const noexcept {
    for_words([&](std::size_t first, std::size_t count, std::size_t at, std::size_t bytes) {
      std::uint64_t word = 0;
      for (std::size_t i = 0; i < count; ++i)
        word |= static_cast<std::uint64_t>(codes[first + i]) << (i * static_cast<std::size_t>(bits_));
      std::memcpy(row + codes_at() + at, &word, bytes);
    });
  }

 private:
  struct Place {
    const std::byte* at;
    int shift;
  };
  Place place_of(const std::byte* row, std::size_t column) const noexcept {
    const std::size_t bit = column * static_cast<std::size_t>(bits_);
    return {row + codes_at() + bit / 8, static_cast<int>(bit % 8)};
  }

  /// Eight codes are `bits` bytes: body(first code, codes, first byte, bytes).
  template <class Body>
  void for_words(Body body) const noexcept {
    const auto bits = static_cast<std::size_t>(bits_);
    const std::size_t whole = cols_ / 8, rest = cols_ % 8;
    for (std::size_t k = 0; k < whole; ++k) body(8 * k, std::size_t{8}, bits * k, bits);
    if (rest > 0) body(8 * whole, rest, bits * whole, (rest * bits + 7) / 8);
  }

  float real(const std::byte* at) const noexcept {
    if (scale_type_ == AffineScale::f32) return load<float>(at);
    const auto bits = load<std::uint16_t>(at);
    return scale_type_ == AffineScale::f16 ? f16_to(bits) : bf16_to(bits);
  }
  void set_real(std::byte* at, float value) const noexcept {
    if (scale_type_ == AffineScale::f32)
      store(at, value);
    else
      store(at, scale_type_ == AffineScale::f16 ? f16_from(value) : bf16_from(value));
  }

  int bits_;
  AffineZero zero_kind_;
  AffineScale scale_type_;
  std::size_t cols_, group_cols_, groups_;
};

/// The group of each column where act_order leaves them in place: column / group.
inline std::vector<std::int32_t> natural_groups(const AffineRows& rows) {
  std::vector<std::int32_t> groups(rows.cols());
  for (std::size_t i = 0; i < groups.size(); ++i)
    groups[i] = static_cast<std::int32_t>(i / rows.group_cols());
  return groups;
}

}  // namespace pq
