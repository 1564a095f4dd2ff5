// The weights of one matrix of a view, for quantizers that look at all of it before its rows come.
#pragma once

#include "model/view.hpp"

namespace pq {

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
