// The column codec of the K types: fit() lets the encoder choose the scales of 256 columns, round() takes the nearest codes for them.
#pragma once

#include "super_block.hpp"
#include "super_moves.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/codec/rounding.hpp>
#include <polyquant/codec/scale_moves.hpp>

#include <algorithm>
#include <vector>

namespace pq::gguf {

template <class Codec>
class SuperColumns final : public ColumnCodec {
 public:
  using Block = typename Codec::Block;
  SuperColumns(const Encoding& encoding, std::int64_t rows, std::int64_t cols, Effort effort)
      : encoding_(encoding),
        effort_(effort),
        rows_(static_cast<std::size_t>(rows)),
        cols_(static_cast<std::size_t>(cols)),
        fitted_(rows_),
        blocks_(rows_ * (cols_ / kSuperWeights)) {}

  int fit_cols() const override { return kSuperWeights; }
  int round_cols() const override { return 1; }
  bool can_revise() const override { return true; }

  void fit(ConstMatrix weights, std::span<const float> importance) override {
    PQ_ASSERT(column_ == fitted_cols_ && column_ < cols_,
              "fit() comes after all columns of the super-block before have been rounded");
    encoding_.encoder({kSuperWeights, importance, effort_})
        ->encode(weights, std::as_writable_bytes(std::span(fitted_)));
    for (std::size_t r = 0; r < rows_; ++r)
      Codec::unpack(fitted_[r], blocks_[column_ / kSuperWeights * rows_ + r]);
    fitted_cols_ += kSuperWeights;
  }

  void round(ConstMatrix weights, Matrix rounded) override {
    PQ_ASSERT(column_ < fitted_cols_, "fit() comes before the columns of a super-block are rounded");
    choose(column_++, weights, rounded);
  }

  void revise(std::int64_t column, ConstMatrix weights, Matrix rounded) override {
    PQ_ASSERT(column_ == cols_, "all columns must be rounded before one is revised");
    choose(static_cast<std::size_t>(column), weights, rounded);
  }

  std::int64_t scale_of(ScaleLevel level, std::int64_t column) const override {
    return column / (level == ScaleLevel::group ? Codec::kGroup : static_cast<std::int64_t>(kSuperWeights));
  }

  void directions(ScaleLevel level, std::int64_t column, std::span<float> scale,
                  std::span<float> offset) const override {
    const auto at = static_cast<std::size_t>(column);
    const SuperBlock* blocks = blocks_.data() + at / kSuperWeights * rows_;
    const std::size_t i = at % kSuperWeights, g = i / Codec::kGroup;
    for (std::size_t r = 0; r < rows_; ++r) {
      const bool is_group = level == ScaleLevel::group;
      scale[r] = static_cast<float>((is_group ? 1 : blocks[r].scales[g]) * blocks[r].codes[i]);
      offset[r] = Codec::kHasOffset ? -static_cast<float>(is_group ? 1 : blocks[r].mins[g]) : 0.0f;
    }
  }

  void rescale(ScaleLevel level, std::int64_t number, std::span<const ScaleCost> costs,
               std::span<float> changes) override {
    const auto n = static_cast<std::size_t>(number);
    constexpr std::size_t kGroups = group_count<Codec>();
    for (std::size_t r = 0; r < rows_; ++r)
      changes[r] = level == ScaleLevel::group
                       ? move_group<Codec>(costs[r], n % kGroups, blocks_[n / kGroups * rows_ + r])
                       : move_super<Codec>(costs[r], blocks_[n * rows_ + r]);
  }

  void values(std::int64_t column, std::span<float> out) const override {
    const auto at = static_cast<std::size_t>(column);
    for (std::size_t r = 0; r < rows_; ++r)
      out[r] = super_value<Codec>(blocks_[at / kSuperWeights * rows_ + r], at % kSuperWeights);
  }

  void emit(std::int64_t row, MutableBytes out) const override {
    PQ_ASSERT(column_ == cols_, "all columns must be rounded before a row is emitted");
    for (std::size_t b = 0; b < cols_ / kSuperWeights; ++b) {
      Block block;
      Codec::pack(blocks_[b * rows_ + static_cast<std::size_t>(row)], block);
      store(out.data() + b * sizeof(Block), block);
    }
  }

 private:
  void choose(std::size_t column, ConstMatrix weights, Matrix rounded) {
    SuperBlock* blocks = blocks_.data() + column / kSuperWeights * rows_;
    const std::size_t i = column % kSuperWeights, g = i / Codec::kGroup;
    for (std::size_t r = 0; r < rows_; ++r) {
      SuperBlock& block = blocks[r];
      const float offset = Codec::kHasOffset ? group_offset(block, g) : 0.0f;
      const float weight = finite_weight(weights.row(static_cast<std::int64_t>(r))[0]);
      block.codes[i] = static_cast<std::int8_t>(nearest_code(
          weight + offset, inverse_or_zero(group_scale(block, g)), Codec::kMinCode, Codec::kMaxCode));
      rounded.row(static_cast<std::int64_t>(r))[0] = super_value<Codec>(block, i);
    }
  }

  const Encoding& encoding_;
  Effort effort_;
  std::size_t rows_, cols_;
  std::vector<Block> fitted_;       // of the current columns
  std::vector<SuperBlock> blocks_;  // super-block after super-block, in each row after row
  std::size_t column_ = 0, fitted_cols_ = 0;
};

}  // namespace pq::gguf
