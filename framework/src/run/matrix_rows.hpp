// The weights of one matrix of a view, for quantizers that look at all of it before its rows come.
#pragma once

#include "model/view.hpp"
#include "run/folding.hpp"

#include <memory>
#include <utility>

namespace pq {

/// Rows of a tensor with scales of channels in them. All must outlive it.
class ScaledRows final : public TensorRows {
 public:
  ScaledRows(std::unique_ptr<const TensorRows> rows, const Folding& folding, std::size_t tensor,
             std::int64_t first_row)
      : rows_(std::move(rows)), folding_(folding), tensor_(tensor), first_row_(first_row) {}

  std::int64_t rows() const override { return rows_->rows(); }
  std::int64_t cols() const override { return rows_->cols(); }
  void read(std::int64_t first, Matrix out) const override {
    rows_->read(first, out);
    folding_.scale(tensor_, first_row_ + first, out);
  }

 private:
  std::unique_ptr<const TensorRows> rows_;
  const Folding& folding_;
  std::size_t tensor_;  // of the output
  std::int64_t first_row_;
};

/// View and decoder must outlive it.
class MatrixRows final : public TensorRows {
 public:
  MatrixRows(const ModelView& view, std::size_t tensor, std::int64_t first_row, std::int64_t rows,
             const RowDecoder& decoder)
      : view_(view), tensor_(tensor), first_row_(first_row), rows_(rows), decoder_(decoder) {}

  std::int64_t rows() const override { return rows_; }
  std::int64_t cols() const override { return pq::cols(view_.tensors[tensor_].shape); }
  void read(std::int64_t first, Matrix out) const override {
    std::vector<std::byte> scratch;
    read_decoded_rows(view_, tensor_, first_row_ + first, out, decoder_, scratch);
  }

 private:
  const ModelView& view_;
  std::size_t tensor_;
  std::int64_t first_row_, rows_;
  const RowDecoder& decoder_;
};

}  // namespace pq
