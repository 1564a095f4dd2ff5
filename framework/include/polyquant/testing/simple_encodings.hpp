// Encodings for checks of other components: quantizers and formats need some, whatever is installed.
#pragma once

#include <polyquant/base/half.hpp>
#include <polyquant/codec/affine_rows.hpp>
#include <polyquant/row_wise_encoding.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace pq::testing {

/// The encoding "f32": the numbers themselves.
class PlainFloats final : public RowWiseEncoding {
 public:
  PlainFloats() {
    info_.id = info_.spec = "f32";
    info_.summary = "IEEE binary32";
    info_.grid.code_bits = 32;
    info_.bits_per_weight = 32;
  }
  const EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t cols) const override {
    return static_cast<std::size_t>(cols) * sizeof(float);
  }
  void encode_row(std::span<const float> weights, std::span<const float>, Effort,
                  MutableBytes out) const override {
    std::memcpy(out.data(), weights.data(), weights.size_bytes());
  }
  void decode_row(Bytes row, std::span<float> out) const override {
    std::memcpy(out.data(), row.data(), out.size_bytes());
  }

 private:
  EncodingInfo info_;
};

/// One signed byte per weight and an f16 scale for 32 of them: scale first, then the codes. With a column codec.
class TestBytes final : public RowWiseEncoding {
 public:
  static constexpr int kGroup = 32;
  static constexpr std::size_t kBlockBytes = 2 + kGroup;

  TestBytes() {
    info_.id = info_.spec = "test_bytes";
    info_.summary = "8-bit codes for checks of other components";
    info_.grid = {GridFamily::affine, 8, kGroup, true};
    info_.block_cols = kGroup;
    info_.bits_per_weight = 8.5;
  }
  const EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t cols) const override {
    return static_cast<std::size_t>(cols / kGroup) * kBlockBytes;
  }
  void encode_row(std::span<const float> weights, std::span<const float>, Effort,
                  MutableBytes out) const override {
    for (std::size_t g = 0; g < weights.size() / kGroup; ++g) {
      std::byte* block = out.data() + g * kBlockBytes;
      const float scale = fit_scale(weights.subspan(g * kGroup, kGroup));
      store(block, f16_from(scale));
      for (std::size_t i = 0; i < kGroup; ++i) store(block + 2 + i, code_of(weights[g * kGroup + i], scale));
    }
  }
  void decode_row(Bytes row, std::span<float> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::byte* block = row.data() + i / kGroup * kBlockBytes;
      out[i] =
          f16_to(load<std::uint16_t>(block)) * static_cast<float>(load<std::int8_t>(block + 2 + i % kGroup));
    }
  }
  std::unique_ptr<ColumnCodec> column_codec(std::int64_t rows, std::int64_t cols, Effort) const override {
    return std::make_unique<Columns>(rows, cols);
  }

  // The stored value of the scale: finite for every input.
  static float fit_scale(std::span<const float> weights) {
    float largest = 0;
    for (const float weight : weights)
      if (std::isfinite(weight)) largest = std::max(largest, std::fabs(weight));
    return f16_to(f16_from(std::min(largest / 127.0f, 65504.0f)));
  }
  static std::int8_t code_of(float weight, float scale) {
    if (scale == 0 || std::isnan(weight)) return 0;
    return static_cast<std::int8_t>(std::lrint(std::clamp(weight / scale, -127.0f, 127.0f)));
  }

 private:
  class Columns final : public ColumnCodec {
   public:
    Columns(std::int64_t rows, std::int64_t cols)
        : cols_(static_cast<std::size_t>(cols)),
          scales_(static_cast<std::size_t>(rows)),
          bytes_(static_cast<std::size_t>(rows) * (cols_ / kGroup) * kBlockBytes) {}
    int fit_cols() const override { return kGroup; }
    int round_cols() const override { return 1; }
    void fit(ConstMatrix weights, std::span<const float>) override {
      for (std::size_t r = 0; r < scales_.size(); ++r) {
        scales_[r] = fit_scale(weights.row(static_cast<std::int64_t>(r)));
        store(block(r), f16_from(scales_[r]));
      }
    }
    void round(ConstMatrix weights, Matrix rounded) override {
      for (std::size_t r = 0; r < scales_.size(); ++r) {
        const std::int8_t code = code_of(weights.row(static_cast<std::int64_t>(r))[0], scales_[r]);
        store(block(r) + 2 + column_ % kGroup, code);
        rounded.row(static_cast<std::int64_t>(r))[0] = scales_[r] * static_cast<float>(code);
      }
      ++column_;
    }
    void emit(std::int64_t row, MutableBytes out) const override {
      const std::size_t row_bytes = cols_ / kGroup * kBlockBytes;
      std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(row) * row_bytes),
                  row_bytes, out.begin());
    }

   private:
    std::byte* block(std::size_t row) {
      return bytes_.data() + (row * (cols_ / kGroup) + column_ / kGroup) * kBlockBytes;
    }
    std::size_t cols_, column_ = 0;
    std::vector<float> scales_;
    std::vector<std::byte> bytes_;
  };
  EncodingInfo info_;
};

/// One signed byte per weight, times an f32 that all rows share.
class SharedScale final : public RowWiseEncoding {
 public:
  explicit SharedScale(float scale = 1.0f / 16) : scale_(scale) {
    info_.id = info_.spec = "test_shared";
    info_.summary = "8-bit codes with one scale for checks of formats";
    info_.grid = {GridFamily::affine, 8, 0, true};
    info_.bits_per_weight = 8;
  }
  const EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t cols) const override { return static_cast<std::size_t>(cols); }
  void encode_row(std::span<const float> weights, std::span<const float>, Effort,
                  MutableBytes out) const override {
    for (std::size_t i = 0; i < weights.size(); ++i)
      store(out.data() + i, TestBytes::code_of(weights[i], scale_));
  }
  void decode_row(Bytes row, std::span<float> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = scale_ * static_cast<float>(load<std::int8_t>(row.data() + i));
  }
  std::size_t shared_bytes(std::int64_t) const override { return sizeof(float); }
  std::shared_ptr<const Encoding> bind(Bytes shared, std::int64_t) const override {
    return std::make_shared<SharedScale>(load<float>(shared.data()));
  }

 private:
  float scale_;
  EncodingInfo info_;
};

/// Rows of the encoding `affine`, for formats that pack them. From the smallest to the largest weight of a group, or zero.
class PlainAffine final : public RowWiseEncoding {
 public:
  /// `act_order`: the groups of the columns are what the rows share.
  explicit PlainAffine(bool act_order = false) {
    options_.group = 32;
    options_.act_order = act_order;
    info_.id = "affine";
    info_.spec = affine_spec(options_);
    info_.summary = "4-bit codes for checks of formats";
    info_.grid = {GridFamily::affine, options_.bits, static_cast<int>(options_.group), false};
    info_.bits_per_weight = 4.75;
  }
  const EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t cols) const override { return AffineRows(options_, cols).row_bytes(); }
  std::size_t shared_bytes(std::int64_t cols) const override {
    return options_.act_order ? static_cast<std::size_t>(cols) * sizeof(std::int32_t) : 0;
  }
  void encode_row(std::span<const float> weights, std::span<const float>, Effort,
                  MutableBytes out) const override {
    const AffineRows rows(options_, static_cast<std::int64_t>(weights.size()));
    std::fill(out.begin(), out.end(), std::byte{0});
    for (std::size_t first = 0; first < weights.size(); first += rows.group_cols()) {
      const auto group = weights.subspan(first, std::min(rows.group_cols(), weights.size() - first));
      const auto [least, most] = std::minmax_element(group.begin(), group.end());
      const float low = std::min(*least, 0.0f), range = std::max(*most, 0.0f) - low;
      rows.set_scale(out.data(), first / rows.group_cols(), range > 0 ? range / 15 : 1);
      const float scale = rows.scale(out.data(), first / rows.group_cols());
      const int zero = std::clamp(static_cast<int>(std::lrint(-low / scale)), 0, 15);
      rows.set_zero(out.data(), first / rows.group_cols(), zero);
      for (std::size_t i = 0; i < group.size(); ++i)
        rows.set_code(out.data(), first + i,
                      std::clamp(static_cast<int>(std::lrint(group[i] / scale)) + zero, 0, 15));
    }
  }
  void decode_row(Bytes row, std::span<float> out) const override {
    const AffineRows rows(options_, static_cast<std::int64_t>(out.size()));
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t group = i / rows.group_cols();
      out[i] = rows.scale(row.data(), group) *
               static_cast<float>(rows.code(row.data(), i) - rows.zero(row.data(), group));
    }
  }

 private:
  AffineOptions options_;
  EncodingInfo info_;
};

}  // namespace pq::testing
