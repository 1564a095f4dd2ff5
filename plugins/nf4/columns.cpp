#include "nf4/four_bit.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/codec/scale_moves.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace pq::nf4 {
namespace {

/// fit() chooses the scale of a block as the row encoder does, round() takes the nearest level.
class Columns final : public ColumnCodec {
 public:
  Columns(const FourBitKind& kind, const ScaleMap* map, std::int64_t rows, std::int64_t cols, Effort effort)
      : kind_(kind),
        chooser_(kind.levels, map, effort),
        parts_(kind, cols),
        rows_(static_cast<std::size_t>(rows)),
        cols_(static_cast<std::size_t>(cols)),
        encoded_(rows_ * parts_.layout().bytes()),
        codes_(rows_ * cols_),
        scales_(parts_.layout().blocks() * rows_) {}

  int fit_cols() const override { return static_cast<int>(kind_.block); }
  int round_cols() const override { return 1; }
  bool can_revise() const override { return true; }

  void fit(ConstMatrix weights, std::span<const float> importance) override {
    PQ_ASSERT(column_ % static_cast<std::size_t>(kind_.block) == 0 && column_ < cols_,
              "fit() comes after all columns of the block before have been rounded");
    const auto count = static_cast<std::size_t>(weights.cols), padded = (count + kStep - 1) / kStep * kStep;
    const std::vector<float> important = padded_importance(importance, count);
    std::vector<float> clean(padded), scratch(padded);
    const std::size_t block = column_ / static_cast<std::size_t>(kind_.block);
    for (std::size_t r = 0; r < rows_; ++r) {
      ChosenScale& scale = scales_[block * rows_ + r];
      const float largest =
          clean_block(weights.row(static_cast<std::int64_t>(r)).data(), count, clean.data());
      scale = chooser_.choose({clean.data(), important.empty() ? nullptr : important.data(), padded, largest},
                              scratch.data());
      // Codes are for the scale that decoding gives.
      scale.inverse = finite_inverse(scale.scale);
      parts_.store_scale(row(r), block, scale);
    }
  }

  void round(ConstMatrix weights, Matrix rounded) override { choose(column_++, weights, rounded); }

  void revise(std::int64_t column, ConstMatrix weights, Matrix rounded) override {
    PQ_ASSERT(column_ == cols_, "all columns must be rounded before one is revised");
    choose(static_cast<std::size_t>(column), weights, rounded);
  }

  std::int64_t scale_of(ScaleLevel level, std::int64_t column) const override {
    return level == ScaleLevel::group ? column / kind_.block : -1;
  }

  void directions(ScaleLevel, std::int64_t column, std::span<float> scale,
                  std::span<float> offset) const override {
    for (std::size_t r = 0; r < rows_; ++r) scale[r] = level(r, static_cast<std::size_t>(column));
    std::fill_n(offset.begin(), rows_, 0.0f);
  }

  void rescale(ScaleLevel, std::int64_t number, std::span<const ScaleCost> costs,
               std::span<float> changes) override {
    const auto block = static_cast<std::size_t>(number);
    for (std::size_t r = 0; r < rows_; ++r) {
      ChosenScale& scale = scales_[block * rows_ + r];
      Cheapest<ChosenScale> best(scale);
      for (const ChosenScale& other : chooser_.stored_around(scale.scale + best_scale(costs[r])))
        if (other.scale * scale.scale > 0) best.offer(other, costs[r].of(other.scale - scale.scale, 0.0f));
      changes[r] = best.cost();
      if (!(best.cost() < 0)) continue;
      scale = best.stored();
      scale.inverse = finite_inverse(scale.scale);
      parts_.store_scale(row(r), block, scale);
    }
  }

  void values(std::int64_t column, std::span<float> out) const override {
    const auto at = static_cast<std::size_t>(column);
    const ChosenScale* scales = scales_.data() + at / static_cast<std::size_t>(kind_.block) * rows_;
    for (std::size_t r = 0; r < rows_; ++r) out[r] = level(r, at) * scales[r].scale;
  }

  void emit(std::int64_t r, MutableBytes out) const override {
    PQ_ASSERT(column_ == cols_, "all columns must be rounded before a row is emitted");
    const std::size_t bytes = parts_.layout().bytes(), at = static_cast<std::size_t>(r);
    std::copy_n(encoded_.data() + at * bytes, bytes, out.data());
    parts_.store_codes(out.data(), std::span(codes_).subspan(at * cols_, cols_));
  }

 private:
  void choose(std::size_t column, ConstMatrix weights, Matrix rounded) {
    const ChosenScale* scales = scales_.data() + column / static_cast<std::size_t>(kind_.block) * rows_;
    for (std::size_t r = 0; r < rows_; ++r) {
      const auto at = static_cast<std::int64_t>(r);
      const float weight = weights.row(at)[0];
      const float y = std::isnan(weight) ? 0.0f : weight * scales[r].inverse;
      int level = 0;
      for (const float threshold : kind_.levels.threshold) level += y > threshold ? 1 : 0;
      const std::uint8_t code = kind_.levels.code[static_cast<std::size_t>(level)];
      codes_[r * cols_ + column] = code;
      rounded.row(at)[0] = kind_.levels.value[code] * scales[r].scale;
    }
  }

  float level(std::size_t r, std::size_t column) const {
    return kind_.levels.value[codes_[r * cols_ + column]];
  }
  std::byte* row(std::size_t r) { return encoded_.data() + r * parts_.layout().bytes(); }

  const FourBitKind& kind_;
  ScaleChooser chooser_;
  RowParts parts_;
  std::size_t rows_, cols_;
  std::vector<std::byte> encoded_;   // the scales; codes are added by emit()
  std::vector<std::uint8_t> codes_;  // of all columns
  std::vector<ChosenScale> scales_;  // block after block, in each row after row
  std::size_t column_ = 0;
};

}  // namespace

std::unique_ptr<ColumnCodec> make_columns(const FourBitKind& kind, const ScaleMap* map, std::int64_t rows,
                                          std::int64_t cols, Effort effort) {
  return std::make_unique<Columns>(kind, map, rows, cols, effort);
}

}  // namespace pq::nf4
