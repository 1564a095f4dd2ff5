// The column codec of the K types: fit() lets the encoder choose the scales of 256 columns, round() takes the nearest codes for them.
#pragma once

#include "super_block.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/codec/rounding.hpp>

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
        per_row_(static_cast<std::size_t>(cols) / kSuperWeights),
        blocks_(rows_ * per_row_),
        current_(rows_) {}

  int fit_cols() const override { return kSuperWeights; }
  int round_cols() const override { return 1; }

  void fit(ConstMatrix weights, std::span<const float> importance) override {
    PQ_ASSERT(column_ == 0 && block_ < per_row_,
              "fit() comes after all columns of the super-block before have been rounded");
    std::vector<Block> fitted(rows_);
    encoding_.encoder({kSuperWeights, importance, effort_})
        ->encode(weights, std::as_writable_bytes(std::span(fitted)));
    for (std::size_t r = 0; r < rows_; ++r) Codec::unpack(fitted[r], current_[r]);
  }

  void round(ConstMatrix weights, Matrix rounded) override {
    const std::size_t g = column_ / Codec::kGroup;
    for (std::size_t r = 0; r < rows_; ++r) {
      SuperBlock& block = current_[r];
      const float offset = Codec::kHasOffset ? group_offset(block, g) : 0.0f;
      const float weight = finite_weight(weights.row(static_cast<std::int64_t>(r))[0]);
      block.codes[column_] = static_cast<std::int8_t>(nearest_code(
          weight + offset, inverse_or_zero(group_scale(block, g)), Codec::kMinCode, Codec::kMaxCode));
      rounded.row(static_cast<std::int64_t>(r))[0] = super_value<Codec>(block, column_);
    }
    if (++column_ == kSuperWeights) finish_block();
  }

  void emit(std::int64_t row, MutableBytes out) const override {
    PQ_ASSERT(block_ == per_row_, "all columns must be rounded before a row is emitted");
    const auto bytes =
        std::as_bytes(std::span(blocks_)).subspan(static_cast<std::size_t>(row) * per_row_ * sizeof(Block));
    std::copy_n(bytes.data(), per_row_ * sizeof(Block), out.data());
  }

 private:
  void finish_block() {
    for (std::size_t r = 0; r < rows_; ++r) Codec::pack(current_[r], blocks_[r * per_row_ + block_]);
    column_ = 0;
    ++block_;
  }

  const Encoding& encoding_;
  Effort effort_;
  std::size_t rows_, per_row_;
  std::vector<Block> blocks_;
  std::vector<SuperBlock> current_;  // of the current columns
  std::size_t block_ = 0, column_ = 0;
};

}  // namespace pq::gguf
