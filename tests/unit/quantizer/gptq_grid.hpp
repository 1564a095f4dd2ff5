// A plain grid and a layer to try error feedback with; tests/golden/make/make_gptq_golden.py makes the same.
#pragma once

#include <polyquant/encoding.hpp>
#include <polyquant/testing/measure.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pq::test {

/// `bits` per weight, -most..most, with one f32 scale for `group` columns: their largest magnitude over the largest code. Stored as f32 numbers.
class GridEncoding final : public Encoding {
 public:
  GridEncoding(int bits, int group, int at_once = 1) : most_((1 << (bits - 1)) - 1), at_once_(at_once) {
    info_.id = info_.spec = "grid";
    info_.grid = {GridFamily::affine, bits, group, true};
    info_.block_cols = group;
  }
  const EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t cols) const override {
    return static_cast<std::size_t>(cols) * sizeof(float);
  }
  std::unique_ptr<RowEncoder> encoder(const EncodeRequest&) const override {
    return std::make_unique<Encoder>(*this);
  }
  void decode(Bytes rows, Matrix out) const override {
    for (std::int64_t r = 0; r < out.rows; ++r)
      std::memcpy(out.row(r).data(), rows.data() + static_cast<std::size_t>(r) * row_bytes(out.cols),
                  row_bytes(out.cols));
  }
  std::unique_ptr<ColumnCodec> column_codec(std::int64_t rows, std::int64_t cols, Effort) const override {
    return std::make_unique<Columns>(*this, rows, cols);
  }

 private:
  float scale(std::span<const float> x) const {
    float largest = 0;
    for (const float value : x) largest = std::max(largest, std::abs(value));
    return largest / static_cast<float>(most_);
  }
  float nearest(float x, float scale) const {
    const auto most = static_cast<float>(most_);
    return scale == 0 ? 0 : scale * std::clamp(std::nearbyint(x / scale), -most, most);
  }

  class Columns final : public ColumnCodec {
   public:
    Columns(const GridEncoding& grid, std::int64_t rows, std::int64_t cols)
        : grid_(grid),
          rows_(rows),
          cols_(cols),
          values_(static_cast<std::size_t>(rows * cols)),
          scales_(values_) {}
    int fit_cols() const override { return grid_.info_.grid.group_cols; }
    int round_cols() const override { return grid_.at_once_; }
    void fit(ConstMatrix weights, std::span<const float>) override {
      for (std::int64_t r = 0; r < rows_; ++r)
        for (std::int64_t c = 0; c < weights.cols; ++c)
          scales_[at(r, column_ + c)] = grid_.scale(weights.row(r));
    }
    void round(ConstMatrix weights, Matrix rounded) override {
      choose(column_, weights, rounded);
      column_ += grid_.at_once_;
    }
    bool can_revise() const override { return true; }
    void revise(std::int64_t column, ConstMatrix weights, Matrix rounded) override {
      choose(column, weights, rounded);
    }
    // The group's scale, and one factor for all of a row, free as f32 numbers are.
    std::int64_t scale_of(ScaleLevel level, std::int64_t column) const override {
      if (grid_.at_once_ > 1) return -1;
      return level == ScaleLevel::group ? column / grid_.info_.grid.group_cols : 0;
    }
    void directions(ScaleLevel level, std::int64_t column, std::span<float> scale,
                    std::span<float> offset) const override {
      for (std::int64_t r = 0; r < rows_; ++r) {
        const float s = scales_[at(r, column)], value = values_[at(r, column)];
        scale[static_cast<std::size_t>(r)] =
            level == ScaleLevel::super ? value : (s == 0 ? 0 : std::nearbyint(value / s));
        offset[static_cast<std::size_t>(r)] = 0;
      }
    }
    void rescale(ScaleLevel level, std::int64_t number, std::span<const ScaleCost> costs,
                 std::span<float> changes) override {
      const std::int64_t count = level == ScaleLevel::group ? fit_cols() : cols_, first = number * count;
      for (std::int64_t r = 0; r < rows_; ++r) {
        const ScaleCost& cost = costs[static_cast<std::size_t>(r)];
        const float move = cost.scale_square > 0 ? -cost.scale_slope / cost.scale_square : 0;
        changes[static_cast<std::size_t>(r)] = std::min(0.0f, cost.of(move, 0));
        for (std::int64_t c = first; c < std::min(cols_, first + count); ++c) {
          float &s = scales_[at(r, c)], &value = values_[at(r, c)];
          const float code = s == 0 ? 0 : std::nearbyint(value / s);
          s = level == ScaleLevel::group ? s + move : s * (1 + move);
          value = code * s;
        }
      }
    }
    void values(std::int64_t column, std::span<float> out) const override {
      for (std::int64_t r = 0; r < rows_; ++r) out[static_cast<std::size_t>(r)] = values_[at(r, column)];
    }
    void emit(std::int64_t row, MutableBytes out) const override {
      std::memcpy(out.data(), &values_[at(row, 0)], static_cast<std::size_t>(cols_) * sizeof(float));
    }

   private:
    std::size_t at(std::int64_t row, std::int64_t column) const {
      return static_cast<std::size_t>(row * cols_ + column);
    }
    void choose(std::int64_t column, ConstMatrix weights, Matrix rounded) {
      for (std::int64_t r = 0; r < rows_; ++r)
        for (int i = 0; i < grid_.at_once_; ++i)
          rounded.row(r)[static_cast<std::size_t>(i)] = values_[at(r, column + i)] =
              grid_.nearest(weights.row(r)[static_cast<std::size_t>(i)], scales_[at(r, column + i)]);
    }
    const GridEncoding& grid_;
    std::int64_t rows_, cols_, column_ = 0;
    std::vector<float> values_, scales_;
  };

  class Encoder final : public RowEncoder {
   public:
    explicit Encoder(const GridEncoding& grid) : grid_(grid) {}
    void encode(ConstMatrix rows, MutableBytes out) const override {
      const std::int64_t group = grid_.info_.grid.group_cols;
      std::vector<float> values;
      for (std::int64_t r = 0; r < rows.rows; ++r)
        for (std::int64_t c = 0; c < rows.cols; ++c)
          values.push_back(
              grid_.nearest(rows.row(r)[static_cast<std::size_t>(c)],
                            grid_.scale(rows.row(r).subspan(static_cast<std::size_t>(c / group * group),
                                                            static_cast<std::size_t>(group)))));
      std::memcpy(out.data(), values.data(), values.size() * sizeof(float));
    }

   private:
    const GridEncoding& grid_;
  };

  EncodingInfo info_;
  int most_, at_once_;
};

/// A number in -0.5..0.5 that looks random.
inline double gptq_number(std::uint32_t a, std::uint32_t b) {
  std::uint32_t x = a * 7919u + b * 104729u + 12345u;
  for (int i = 0; i < 3; ++i) {
    x = x * 1664525u + 1013904223u;
    x ^= x >> 15;
  }
  return (x >> 8) / 16777216.0 - 0.5;
}

struct GptqLayer {
  std::int64_t rows, cols;
  std::vector<float> weights, gram;
  ConstMatrix weights_matrix() const { return {weights.data(), rows, cols, cols}; }
  ConstMatrix gram_matrix() const { return {gram.data(), cols, cols, cols}; }
  /// The sum over rows of d H d^T, H as a share of the mean diagonal and damped.
  double loss(const std::vector<float>& decoded, double damping) const {
    const auto n = static_cast<std::size_t>(cols);
    double mean = 0, sum = 0;
    for (std::size_t i = 0; i < n; ++i) mean += gram[i * n + i] / static_cast<double>(n);
    for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r)
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j)
          sum += (double{weights[r * n + i]} - decoded[r * n + i]) *
                 (double{weights[r * n + j]} - decoded[r * n + j]) *
                 (gram[i * n + j] / mean + (i == j ? damping : 0.0));
    return sum;
  }
};

inline GptqLayer gptq_layer(std::int64_t rows, std::int64_t cols, std::int64_t tokens) {
  GptqLayer layer{rows, cols, {}, {}};
  const auto n = static_cast<std::size_t>(cols);
  std::vector<double> sums(n * n), x(n);
  for (std::uint32_t t = 0; t < static_cast<std::uint32_t>(tokens); ++t) {
    for (std::size_t k = 0; k < n; ++k)
      x[k] = gptq_number(t, static_cast<std::uint32_t>(k)) + (k > 0 ? 0.75 * x[k - 1] : 0.0);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        sums[i * n + j] += double{static_cast<float>(x[i] * static_cast<double>(1 + i % 7))} *
                           static_cast<float>(x[j] * static_cast<double>(1 + j % 7));
  }
  layer.gram.assign(sums.begin(), sums.end());
  for (std::uint32_t r = 0; r < static_cast<std::uint32_t>(rows); ++r)
    for (std::uint32_t k = 0; k < static_cast<std::uint32_t>(cols); ++k)
      layer.weights.push_back(static_cast<float>(gptq_number(1000 + r, k)));
  return layer;
}

}  // namespace pq::test
