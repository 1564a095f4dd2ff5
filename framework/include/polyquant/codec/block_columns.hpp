// The column codec of every encoding whose block has one scale and one-weight codes: fit() lets the encoding's own search choose scale
// and offset, round() takes the nearest code for them.
#pragma once

#include <polyquant/base/error.hpp>
#include <polyquant/codec/block.hpp>
#include <polyquant/codec/rounding.hpp>
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
        blocks_per_row_(static_cast<std::size_t>(cols) / Codec::kWeights),
        blocks_(rows_ * blocks_per_row_),
        fitted_(rows_),
        codes_(rows_) {}

  int fit_cols() const override { return Codec::kWeights; }
  int round_cols() const override { return 1; }

  void fit(ConstMatrix weights, std::span<const float> importance) override {
    PQ_ASSERT(column_ == 0 && block_ < blocks_per_row_,
              "fit() comes after all columns of the block before have been rounded");
    encoding_.encoder({Codec::kWeights, importance, effort_})
        ->encode(weights, std::as_writable_bytes(std::span(fitted_)));
  }

  void round(ConstMatrix weights, Matrix rounded) override {
    for (std::size_t r = 0; r < rows_; ++r) {
      const float scale = Codec::scale(fitted_[r]), offset = Codec::offset(fitted_[r]);
      const float weight = finite_weight(weights.row(static_cast<std::int64_t>(r))[0]);
      const float code =
          nearest_code(weight - offset, inverse_or_zero(scale), Codec::kMinCode, Codec::kMaxCode);
      codes_[r][static_cast<std::size_t>(column_)] = static_cast<std::int8_t>(code);
      const float product = scale * code;
      rounded.row(static_cast<std::int64_t>(r))[0] = Codec::kHasOffset ? product + offset : product;
    }
    if (++column_ == Codec::kWeights) finish_block();
  }

  void emit(std::int64_t row, MutableBytes out) const override {
    PQ_ASSERT(block_ == blocks_per_row_, "all columns must be rounded before a row is emitted");
    const auto bytes = std::as_bytes(std::span(blocks_))
                           .subspan(static_cast<std::size_t>(row) * blocks_per_row_ * sizeof(Block));
    std::copy_n(bytes.data(), blocks_per_row_ * sizeof(Block), out.data());
  }

 private:
  void finish_block() {
    for (std::size_t r = 0; r < rows_; ++r)
      Codec::pack(Codec::scale(fitted_[r]), Codec::offset(fitted_[r]), codes_[r].data(),
                  blocks_[r * blocks_per_row_ + block_]);
    column_ = 0;
    ++block_;
  }

  const Encoding& encoding_;
  Effort effort_;
  std::size_t rows_, blocks_per_row_;
  std::vector<Block> blocks_;
  std::vector<Block> fitted_;  // of the current columns
  std::vector<std::array<std::int8_t, Codec::kWeights>> codes_;
  std::size_t block_ = 0;
  int column_ = 0;  // inside the block
};

}  // namespace pq
