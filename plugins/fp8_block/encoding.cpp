#include "fp8_block/encoding.hpp"

#include <polyquant/codec/minifloat.hpp>
#include <polyquant/row_wise_encoding.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

namespace pq::fp8 {
namespace {

struct Options {
  std::int64_t block = 128;
};
const Schema<Options>& schema() {
  static const auto result =
      Schema<Options>().field("block", &Options::block, "Columns that share a scale.", range(1, 1 << 30));
  return result;
}

constexpr float kLargest = 448.0f;       // of E4M3
constexpr float kLargestWeight = 1e38f;  // scale * kLargest stays finite

/// NaN counts as zero, and what is too large as the largest that decodes to a finite number.
float storable(float weight) noexcept {
  return std::isnan(weight) ? 0.0f : std::clamp(weight, -kLargestWeight, kLargestWeight);
}

/// E4M3 numbers of all columns, then one f32 scale for each `block` columns (the last block may be shorter):
///   w[i] = scale[i / block] * e4m3(code[i])
class Fp8Block final : public RowWiseEncoding {
 public:
  explicit Fp8Block(const Options& options) : block_(static_cast<std::size_t>(options.block)) {
    info_.id = "fp8_block";
    info_.spec = "fp8_block:block=" + std::to_string(options.block);
    info_.summary = "8-bit floats (E4M3), an f32 scale for each block of columns (FP8 checkpoints)";
    info_.grid = {GridFamily::floating, 8, static_cast<int>(options.block), true};
    info_.bits_per_weight = 8.0 + 32.0 / static_cast<double>(options.block);
  }

  const EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t cols) const override {
    const auto columns = static_cast<std::size_t>(cols);
    return columns + blocks(columns) * sizeof(float);
  }

  void decode_row(Bytes row, std::span<float> out) const override {
    for (std::size_t b = 0; b < blocks(out.size()); ++b) {
      const float scale = load<float>(row.data() + out.size() + b * sizeof(float));
      for (std::size_t i = b * block_; i < std::min(out.size(), (b + 1) * block_); ++i)
        out[i] = scale * value(row[i]);
    }
  }

  // The scale maps the largest magnitude of a block to the largest code; each code is the nearest number, ties to even.
  void encode_row(std::span<const float> weights, std::span<const float>, Effort,
                  MutableBytes out) const override {
    for (std::size_t b = 0; b < blocks(weights.size()); ++b) {
      const auto part = weights.subspan(b * block_, std::min(block_, weights.size() - b * block_));
      float largest = 0.0f;
      for (const float w : part) largest = std::max(largest, std::abs(storable(w)));
      const float scale = largest / kLargest;
      store(out.data() + weights.size() + b * sizeof(float), scale);
      // A block of zeros, or of numbers so small that the scale is one.
      const float inverse = scale > 0.0f ? scale : 1.0f;
      for (std::size_t i = 0; i < part.size(); ++i)
        out[b * block_ + i] = static_cast<std::byte>(Fp8E4m3::encode(storable(part[i]) / inverse));
    }
  }

  std::optional<std::string> check_rows(Bytes rows, std::int64_t cols) const override {
    const auto width = static_cast<std::size_t>(cols);
    for (std::size_t at = 0; at < rows.size(); at += row_bytes(cols)) {
      for (std::size_t b = 0; b < blocks(width); ++b)
        if (!std::isfinite(load<float>(rows.data() + at + width + b * sizeof(float))))
          return "the scale of block " + std::to_string(b) + " of a row is not a finite number";
      for (std::size_t i = 0; i < width; ++i)
        if (std::isnan(value(rows[at + i]))) return "column " + std::to_string(i) + " of a row is NaN";
    }
    return std::nullopt;
  }

 private:
  std::size_t blocks(std::size_t cols) const { return (cols + block_ - 1) / block_; }

  /// One byte has 256 values.
  static float value(std::byte code) {
    static const std::array<float, 256> kValues = [] {
      std::array<float, 256> values{};
      for (std::uint32_t i = 0; i < values.size(); ++i) values[i] = Fp8E4m3::decode(i);
      return values;
    }();
    return kValues[static_cast<std::size_t>(code)];
  }

  std::size_t block_;
  EncodingInfo info_;
};

}  // namespace

const OptionTable& fp8_block_options() { return schema().table(); }

std::unique_ptr<Encoding> make_fp8_block(const Node& options) {
  return std::make_unique<Fp8Block>(schema().parse(options, "fp8_block"));
}

}  // namespace pq::fp8
