// The short way to write an encoding: two functions for one row each.
#pragma once

#include <polyquant/encoding.hpp>

namespace pq {

/// Derive from this, give info(), row_bytes(), encode_row() and decode_row(); everything else has a default.
class RowWiseEncoding : public Encoding {
 public:
  /// Encodes one row; `importance` is empty (all equal) or has one weight per column.
  virtual void encode_row(std::span<const float> weights, std::span<const float> importance, Effort effort,
                          MutableBytes out) const = 0;
  virtual void decode_row(Bytes row, std::span<float> out) const = 0;

  std::unique_ptr<RowEncoder> encoder(const EncodeRequest& request) const final {
    return std::make_unique<Encoder>(*this, request);
  }
  void decode(Bytes rows, Matrix out) const override {
    const std::size_t bytes = row_bytes(out.cols);
    for (std::int64_t r = 0; r < out.rows; ++r)
      decode_row(rows.subspan(static_cast<std::size_t>(r) * bytes, bytes), out.row(r));
  }

 private:
  class Encoder final : public RowEncoder {
   public:
    Encoder(const RowWiseEncoding& encoding, const EncodeRequest& request)
        : encoding_(encoding), request_(request) {}
    void encode(ConstMatrix rows, MutableBytes out) const override {
      const std::size_t bytes = encoding_.row_bytes(rows.cols);
      for (std::int64_t r = 0; r < rows.rows; ++r)
        encoding_.encode_row(rows.row(r), request_.importance, request_.effort,
                             out.subspan(static_cast<std::size_t>(r) * bytes, bytes));
    }

   private:
    const RowWiseEncoding& encoding_;
    EncodeRequest request_;
  };
};

}  // namespace pq
