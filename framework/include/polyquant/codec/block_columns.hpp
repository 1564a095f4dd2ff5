// The column codec of every encoding whose block has one scale and one-weight codes: fit() lets the encoding's own search choose scale
// and offset, round() takes the nearest code for them.
#pragma once

#include <polyquant/base/error.hpp>
#include <polyquant/codec/block.hpp>
#include <polyquant/codec/rounding.hpp>
#include <polyquant/codec/scale_moves.hpp>
#include <polyquant/encoding.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace pq {

template <class Codec>
class BlockColumns final : public ColumnCodec {
 public:
  using Block = typename Codec::Block;
  BlockColumns(const Encoding& encoding, std::int64_t rows, std::int64_t cols, Effort effort)
      : encoding_(encoding),
        effort_(effort),
        rows_(static_cast<std::size_t>(rows)),
        cols_(static_cast<std::size_t>(cols)),
        fitted_(rows_),
        scales_(rows_ * (cols_ / Codec::kWeights)),
        offsets_(scales_.size()),
        codes_(rows_ * cols_) {}

  int fit_cols() const override { return Codec::kWeights; }
  int round_cols() const override { return 1; }
  bool can_revise() const override { return true; }

  void fit(ConstMatrix weights, std::span<const float> importance) override {
    PQ_ASSERT(column_ == fitted_cols_ && column_ < cols_,
              "fit() comes after all columns of the block before have been rounded");
    encoding_.encoder({Codec::kWeights, importance, effort_})
        ->encode(weights, std::as_writable_bytes(std::span(fitted_)));
    const std::size_t first = column_ / Codec::kWeights * rows_;
    for (std::size_t r = 0; r < rows_; ++r) {
      scales_[first + r] = Codec::scale(fitted_[r]);
      offsets_[first + r] = Codec::offset(fitted_[r]);
    }
    fitted_cols_ += Codec::kWeights;
  }

  void round(ConstMatrix weights, Matrix rounded) override {
    PQ_ASSERT(column_ < fitted_cols_, "fit() comes before the columns of a block are rounded");
    choose(column_++, weights, rounded);
  }

  void revise(std::int64_t column, ConstMatrix weights, Matrix rounded) override {
    PQ_ASSERT(column_ == cols_, "all columns must be rounded before one is revised");
    choose(static_cast<std::size_t>(column), weights, rounded);
  }

  std::int64_t scale_of(ScaleLevel level, std::int64_t column) const override {
    return level == ScaleLevel::group ? column / Codec::kWeights : -1;
  }

  void directions(ScaleLevel, std::int64_t column, std::span<float> scale,
                  std::span<float> offset) const override {
    const std::int8_t* codes = codes_.data() + static_cast<std::size_t>(column) * rows_;
    for (std::size_t r = 0; r < rows_; ++r) scale[r] = static_cast<float>(codes[r]);
    std::fill_n(offset.begin(), rows_, Codec::kHasOffset ? 1.0f : 0.0f);
  }

  void rescale(ScaleLevel, std::int64_t number, std::span<const ScaleCost> costs,
               std::span<float> changes) override {
    const std::size_t first = static_cast<std::size_t>(number) * rows_;
    for (std::size_t r = 0; r < rows_; ++r)
      changes[r] = move_f16(costs[r], Codec::kHasOffset, scales_[first + r], offsets_[first + r]);
  }

  void values(std::int64_t column, std::span<float> out) const override {
    const auto at = static_cast<std::size_t>(column);
    const std::size_t first = at / Codec::kWeights * rows_;
    for (std::size_t r = 0; r < rows_; ++r)
      out[r] = value(scales_[first + r], offsets_[first + r], static_cast<float>(codes_[at * rows_ + r]));
  }

  void emit(std::int64_t row, MutableBytes out) const override {
    PQ_ASSERT(column_ == cols_, "all columns must be rounded before a row is emitted");
    const auto r = static_cast<std::size_t>(row);
    std::array<std::int8_t, Codec::kWeights> codes;
    for (std::size_t b = 0; b < cols_ / Codec::kWeights; ++b) {
      for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = codes_[(b * codes.size() + i) * rows_ + r];
      Block block;
      Codec::pack(scales_[b * rows_ + r], offsets_[b * rows_ + r], codes.data(), block);
      store(out.data() + b * sizeof(Block), block);
    }
  }

 private:
  void choose(std::size_t column, ConstMatrix weights, Matrix rounded) {
    const std::size_t first = column / Codec::kWeights * rows_;
    for (std::size_t r = 0; r < rows_; ++r) {
      const float scale = scales_[first + r], offset = offsets_[first + r];
      const float weight = finite_weight(weights.row(static_cast<std::int64_t>(r))[0]);
      const float code =
          nearest_code(weight - offset, inverse_or_zero(scale), Codec::kMinCode, Codec::kMaxCode);
      codes_[column * rows_ + r] = static_cast<std::int8_t>(code);
      rounded.row(static_cast<std::int64_t>(r))[0] = value(scale, offset, code);
    }
  }
  static float value(float scale, float offset, float code) {
    const float product = scale * code;
    return Codec::kHasOffset ? product + offset : product;
  }

  const Encoding& encoding_;
  Effort effort_;
  std::size_t rows_, cols_;
  std::vector<Block> fitted_;            // of the current columns
  std::vector<float> scales_, offsets_;  // block after block, in each row after row
  std::vector<std::int8_t> codes_;       // column after column
  std::size_t column_ = 0, fitted_cols_ = 0;
};

}  // namespace pq
