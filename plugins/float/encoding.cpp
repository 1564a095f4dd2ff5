#include "encoding.hpp"

#include "convert.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace pq::floating {
namespace {

/// Codes are the stored numbers themselves: there is no scale, so every column stands alone.
template <class Format>
class FloatColumns final : public ColumnCodec {
 public:
  using Stored = typename Format::Stored;
  FloatColumns(std::int64_t rows, std::int64_t cols)
      : cols_(static_cast<std::size_t>(cols)),
        codes_(static_cast<std::size_t>(rows * cols) * sizeof(Stored)) {}

  int fit_cols() const override { return 1; }
  int round_cols() const override { return 1; }
  void fit(ConstMatrix, std::span<const float>) override {}
  void round(ConstMatrix weights, Matrix rounded) override {
    for (std::int64_t r = 0; r < weights.rows; ++r) {
      const Stored stored = Format::encode(weights.row(r)[0]);
      store(codes_.data() + (static_cast<std::size_t>(r) * cols_ + column_) * sizeof(Stored), stored);
      rounded.row(r)[0] = Format::decode(stored);
    }
    ++column_;
  }
  void emit(std::int64_t row, MutableBytes out) const override {
    PQ_ASSERT(column_ == cols_, "all columns must be rounded before a row is emitted");
    const std::size_t bytes = cols_ * sizeof(Stored);
    std::copy_n(codes_.data() + static_cast<std::size_t>(row) * bytes, bytes, out.data());
  }

 private:
  std::size_t cols_ = 0;
  std::size_t column_ = 0;
  std::vector<std::byte> codes_;
};

template <class Format>
class FloatEncoding final : public Encoding {
 public:
  using Stored = typename Format::Stored;
  FloatEncoding(std::string id, std::string summary,
                ActivationRounding activations = ActivationRounding::none) {
    info_.spec = id;
    info_.id = std::move(id);
    info_.summary = std::move(summary);
    info_.grid.code_bits = 8 * sizeof(Stored);
    info_.bits_per_weight = 8.0 * sizeof(Stored);
    info_.activations = activations;
  }

  const EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t cols) const override {
    return static_cast<std::size_t>(cols) * sizeof(Stored);
  }
  std::unique_ptr<RowEncoder> encoder(const EncodeRequest&) const override {
    return std::make_unique<Encoder>();
  }
  void decode(Bytes rows, Matrix out) const override {
    const std::size_t bytes = row_bytes(out.cols);
    for (std::int64_t r = 0; r < out.rows; ++r)
      decode_numbers<Format>(rows.data() + static_cast<std::size_t>(r) * bytes,
                             static_cast<std::size_t>(out.cols), out.row(r).data());
  }
  std::unique_ptr<ColumnCodec> column_codec(std::int64_t rows, std::int64_t cols, Effort) const override {
    return std::make_unique<FloatColumns<Format>>(rows, cols);
  }
  std::optional<std::string> check_rows(Bytes rows, std::int64_t) const override {
    for (std::size_t i = 0; i < rows.size() / sizeof(Stored); ++i) {
      const float value = Format::decode(load<Stored>(rows.data() + i * sizeof(Stored)));
      if (!std::isfinite(value)) return "value " + std::to_string(i) + " is not a finite number";
    }
    return std::nullopt;
  }

 private:
  class Encoder final : public RowEncoder {
   public:
    void encode(ConstMatrix rows, MutableBytes out) const override {
      const std::size_t bytes = static_cast<std::size_t>(rows.cols) * sizeof(Stored);
      for (std::int64_t r = 0; r < rows.rows; ++r)
        encode_numbers<Format>(rows.row(r).data(), static_cast<std::size_t>(rows.cols),
                               out.data() + static_cast<std::size_t>(r) * bytes);
    }
  };
  EncodingInfo info_;
};

}  // namespace

std::unique_ptr<Encoding> make_f32() { return std::make_unique<FloatEncoding<F32>>("f32", "IEEE binary32"); }
std::unique_ptr<Encoding> make_f64() {
  return std::make_unique<FloatEncoding<F64>>("f64", "IEEE binary64; read as f32");
}
std::unique_ptr<Encoding> make_f16() {
  return std::make_unique<FloatEncoding<F16>>("f16", "IEEE binary16", ActivationRounding::f16);
}
std::unique_ptr<Encoding> make_bf16() {
  return std::make_unique<FloatEncoding<Bf16>>("bf16", "the upper half of binary32",
                                               ActivationRounding::bf16);
}
std::unique_ptr<Encoding> make_e4m3() {
  return std::make_unique<FloatEncoding<E4m3>>("fp8_e4m3", "OCP 8-bit floating point, up to 448");
}
std::unique_ptr<Encoding> make_e5m2() {
  return std::make_unique<FloatEncoding<E5m2>>("fp8_e5m2", "OCP 8-bit floating point, up to 57344");
}

}  // namespace pq::floating
