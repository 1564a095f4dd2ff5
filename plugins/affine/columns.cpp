#include "affine/columns.hpp"

#include "affine/moves.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/codec/block_encoding.hpp>

#include <algorithm>

namespace pq::affine {
namespace {

class AffineColumns final : public ColumnCodec {
 public:
  AffineColumns(const AffineOptions& options, ColumnGroups groups, std::int64_t rows, std::int64_t cols,
                Effort effort)
      : layout_(options, cols),
        groups_(std::move(groups)),
        effort_(effort),
        rows_(static_cast<std::size_t>(rows)),
        scales_(layout_.groups() * rows_),
        zeros_(scales_.size()),
        codes_(layout_.cols() * rows_) {}

  int fit_cols() const override {
    const std::size_t cols =
        groups_.natural() ? std::min(layout_.group_cols(), layout_.cols()) : layout_.cols();
    return static_cast<int>(cols);
  }
  int round_cols() const override { return 1; }
  bool can_revise() const override { return true; }

  void fit(ConstMatrix weights, std::span<const float> importance) override {
    PQ_ASSERT(column_ == fitted_cols_ && column_ < layout_.cols(),
              "fit() comes after all columns of the group before have been rounded");
    if (groups_.natural()) {
      const std::vector<float> own =
          block_importance(importance, weights.cols, static_cast<std::size_t>(weights.cols));
      std::vector<GroupFit> fits(rows_);
      fit_group({&layout_, weights, own.data(), effort_, fits.data()});
      remember(fits, column_ / layout_.group_cols());
    } else {
      std::vector<GroupFit> fits(layout_.groups() * rows_);
      RowFitter(layout_, groups_, importance, effort_).fit(weights, fits.data());
      remember(fits, 0);
    }
    fitted_cols_ += static_cast<std::size_t>(weights.cols);
  }

  void round(ConstMatrix weights, Matrix rounded) override {
    PQ_ASSERT(column_ < fitted_cols_, "fit() comes before the columns of a group are rounded");
    choose(column_++, weights, rounded);
  }

  void revise(std::int64_t column, ConstMatrix weights, Matrix rounded) override {
    PQ_ASSERT(column_ == layout_.cols(), "all columns must be rounded before one is revised");
    choose(static_cast<std::size_t>(column), weights, rounded);
  }

  std::int64_t scale_of(ScaleLevel level, std::int64_t column) const override {
    if (level != ScaleLevel::group) return -1;
    return static_cast<std::int64_t>(groups_.group(layout_, static_cast<std::size_t>(column)));
  }

  void directions(ScaleLevel, std::int64_t column, std::span<float> scale,
                  std::span<float> offset) const override {
    const auto at = static_cast<std::size_t>(column);
    const std::size_t fit = groups_.group(layout_, at) * rows_;
    const AffineZero kind = layout_.zero_kind();
    for (std::size_t r = 0; r < rows_; ++r)
      scale[r] =
          static_cast<float>(codes_[at * rows_ + r]) - (kind == AffineZero::offset ? 0.0f : zeros_[fit + r]);
    std::fill_n(offset.begin(), rows_, kind == AffineZero::none ? 0.0f : 1.0f);
  }

  void rescale(ScaleLevel, std::int64_t number, std::span<const ScaleCost> costs,
               std::span<float> changes) override {
    const std::size_t first = static_cast<std::size_t>(number) * rows_;
    for (std::size_t r = 0; r < rows_; ++r) {
      GroupFit fit{scales_[first + r], zeros_[first + r]};
      changes[r] = move_fit(layout_, costs[r], fit);
      scales_[first + r] = fit.scale;
      zeros_[first + r] = fit.zero;
    }
  }

  void values(std::int64_t column, std::span<float> out) const override {
    const auto at = static_cast<std::size_t>(column);
    const std::size_t first = groups_.group(layout_, at) * rows_;
    for (std::size_t r = 0; r < rows_; ++r)
      out[r] = value_of(static_cast<float>(codes_[at * rows_ + r]), {scales_[first + r], zeros_[first + r]},
                        layout_.zero_kind());
  }

  void emit(std::int64_t row, MutableBytes out) const override {
    PQ_ASSERT(column_ == layout_.cols(), "all columns must be rounded before a row is emitted");
    const auto r = static_cast<std::size_t>(row);
    for (std::size_t g = 0; g < layout_.groups(); ++g)
      store_fit(layout_, {scales_[g * rows_ + r], zeros_[g * rows_ + r]}, g, out.data());
    std::vector<std::uint8_t> codes(layout_.cols());
    for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = codes_[i * rows_ + r];
    layout_.pack_codes(codes.data(), out.data());
  }

 private:
  void choose(std::size_t column, ConstMatrix weights, Matrix rounded) {
    const std::size_t fit = groups_.group(layout_, column) * rows_;
    round_column({&layout_, rows_, weights.data, static_cast<std::size_t>(weights.stride),
                  scales_.data() + fit, zeros_.data() + fit, codes_.data() + column * rows_, rounded.data,
                  static_cast<std::size_t>(rounded.stride)});
  }

  /// The fits of groups from `group` on.
  void remember(const std::vector<GroupFit>& fits, std::size_t group) {
    for (std::size_t i = 0; i < fits.size(); ++i) {
      scales_[group * rows_ + i] = fits[i].scale;
      zeros_[group * rows_ + i] = fits[i].zero;
    }
  }

  AffineRows layout_;
  ColumnGroups groups_;
  Effort effort_;
  std::size_t rows_;
  std::vector<float> scales_, zeros_;  // group after group, in each row after row
  std::vector<std::uint8_t> codes_;    // column after column
  std::size_t column_ = 0, fitted_cols_ = 0;
};

}  // namespace

std::unique_ptr<ColumnCodec> make_columns(const AffineOptions& options, const ColumnGroups& groups,
                                          std::int64_t rows, std::int64_t cols, Effort effort) {
  return std::make_unique<AffineColumns>(options, groups, rows, cols, effort);
}

}  // namespace pq::affine
