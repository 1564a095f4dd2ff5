#include "nf4/encoding.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/half.hpp>
#include <polyquant/codec/rounding.hpp>
#include <polyquant/row_wise_encoding.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace pq::nf4 {
namespace {

constexpr float kLargestCode = 127.0f;
constexpr float kUnit = 1.0f / 127.0f;

/// A weight as the library sees it: in f16. NaN counts as 0, what is too large as the largest f16.
float as_half(float weight) noexcept { return std::isnan(weight) ? 0.0f : f16_round(weight); }

/// The nearest code to weight / (largest / 127), ties to even; 0 in a row of zeros.
std::int8_t code_of(float weight, float largest) noexcept {
  if (largest == 0.0f) return 0;
  return static_cast<std::int8_t>(
      std::clamp(round_even(weight * kLargestCode / largest), -kLargestCode, kLargestCode));
}
float value_of(std::int8_t code, float largest) noexcept {
  const float product = static_cast<float>(code) * largest;
  return product * kUnit;
}
float largest_of(std::span<const float> weights) noexcept {
  float largest = 0.0f;
  for (const float weight : weights) largest = std::max(largest, std::abs(as_half(weight)));
  return largest;
}

/// One row is one group: its scale is fixed on the weights that fit() sees.
class Int8Columns final : public ColumnCodec {
 public:
  Int8Columns(std::int64_t rows, std::int64_t cols)
      : cols_(static_cast<std::size_t>(cols)),
        largest_(static_cast<std::size_t>(rows)),
        codes_(largest_.size() * cols_) {}

  int fit_cols() const override { return static_cast<int>(cols_); }
  int round_cols() const override { return 1; }
  bool can_revise() const override { return true; }
  void fit(ConstMatrix weights, std::span<const float>) override {
    PQ_ASSERT(column_ == 0, "fit() comes once, before all columns");
    for (std::size_t r = 0; r < largest_.size(); ++r)
      largest_[r] = largest_of(weights.row(static_cast<std::int64_t>(r)));
  }
  void round(ConstMatrix weights, Matrix rounded) override { choose(column_++, weights, rounded, as_half); }
  // Not in f16: values of the grid would not always stay what they are.
  void revise(std::int64_t column, ConstMatrix weights, Matrix rounded) override {
    PQ_ASSERT(column_ == cols_, "all columns must be rounded before one is revised");
    choose(static_cast<std::size_t>(column), weights, rounded,
           [](float weight) { return std::isnan(weight) ? 0.0f : weight; });
  }
  void emit(std::int64_t row, MutableBytes out) const override {
    PQ_ASSERT(column_ == cols_, "all columns must be rounded before a row is emitted");
    const auto r = static_cast<std::size_t>(row);
    store(out.data(), largest_[r]);
    std::memcpy(out.data() + sizeof(float), codes_.data() + r * cols_, cols_);
  }

 private:
  template <class Seen>
  void choose(std::size_t column, ConstMatrix weights, Matrix rounded, const Seen& seen) {
    for (std::size_t r = 0; r < largest_.size(); ++r) {
      const auto row = static_cast<std::int64_t>(r);
      const std::int8_t code = code_of(seen(weights.row(row)[0]), largest_[r]);
      codes_[r * cols_ + column] = code;
      rounded.row(row)[0] = value_of(code, largest_[r]);
    }
  }

  std::size_t cols_;
  std::vector<float> largest_;
  std::vector<std::int8_t> codes_;
  std::size_t column_ = 0;
};

/// A row: its largest magnitude in f32 (SCB), then the codes -127..127:  w[i] = code[i] * largest / 127.
/// What LLM.int8() does with outlier activations happens when the model runs: nothing of it is stored.
class Int8 final : public RowWiseEncoding {
 public:
  Int8() {
    info_.id = info_.spec = "int8";
    info_.summary = kInt8Summary;
    info_.grid = {GridFamily::affine, 8, -1, true};
    info_.bits_per_weight = 8.0;
  }
  const EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t cols) const override {
    return sizeof(float) + static_cast<std::size_t>(cols);
  }
  void encode_row(std::span<const float> weights, std::span<const float>, Effort,
                  MutableBytes out) const override {
    const float largest = largest_of(weights);
    store(out.data(), largest);
    for (std::size_t i = 0; i < weights.size(); ++i)
      out[sizeof(float) + i] = static_cast<std::byte>(code_of(as_half(weights[i]), largest));
  }
  void decode_row(Bytes row, std::span<float> out) const override {
    const float largest = load<float>(row.data());
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = value_of(static_cast<std::int8_t>(row[sizeof(float) + i]), largest);
  }
  std::unique_ptr<ColumnCodec> column_codec(std::int64_t rows, std::int64_t cols, Effort) const override {
    return std::make_unique<Int8Columns>(rows, cols);
  }
  std::optional<std::string> check_rows(Bytes rows, std::int64_t cols) const override {
    for (std::size_t at = 0; at + row_bytes(cols) <= rows.size(); at += row_bytes(cols)) {
      if (!std::isfinite(load<float>(rows.data() + at))) return "the scale of a row is not a finite number";
      for (std::size_t i = 0; i < static_cast<std::size_t>(cols); ++i)
        if (rows[at + sizeof(float) + i] == std::byte{0x80})
          return "column " + std::to_string(i) +
                 " of a row has the code -128, which bitsandbytes never writes";
    }
    return std::nullopt;
  }

 private:
  EncodingInfo info_;
};

}  // namespace

std::unique_ptr<Encoding> make_int8(const Node& options) {
  Schema<NoOptions>().parse(options, "int8");
  return std::make_unique<Int8>();
}

}  // namespace pq::nf4
