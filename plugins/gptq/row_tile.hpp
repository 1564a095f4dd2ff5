// Up to kLanes rows on their way through error feedback.
#pragma once

#include "aligned.hpp"
#include "factor.hpp"
#include "products.hpp"

#include <polyquant/column_codec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pq::gptq {

using Lanes = Aligned<float>;  // of some columns, kLanes each

/// Columns of a block of the refinement.
inline constexpr std::size_t kRefined = 64;

/// What the columns of a tensor have in common.
struct Columns {
  const Factor& factor;
  const Cut& cut;
  ConstMatrix gram;
  std::size_t count() const { return factor.order.size(); }
};

class RowTile {
 public:
  /// `rows`: at most kLanes.
  RowTile(ConstMatrix rows, ColumnCodec& codec, const Columns& columns);

  /// Scales and codes from left to right, scales for the weights as they then are.
  void round_in_order();
  /// Scales first, then codes in the factor's order; the codec can revise.
  void round_with_static_scales();
  // The refinement, after one of these two; the codec can revise. The error of no row rises.
  /// Chooses all codes again, each for what the others have become.
  void refine_codes();
  /// Moves all scales of a level, or the codec has none: then nothing.
  void refine_scales(ScaleLevel level);

  /// d H d^T of a row.
  double error(std::size_t lane) const { return errors_[lane]; }

 private:
  enum class Scales { here, before };
  /// Columns that share a scale, by place.
  struct Sharing {
    ScaleLevel level;
    std::size_t first, count;
  };
  /// Places become columns in order, those of a group side by side.
  void put_in_order();
  void refine_shared(const Sharing& shared);
  /// What the scale of these columns costs; directions_ is filled.
  void sum_costs(const Sharing& shared);
  void take_values(const Sharing& shared);
  void round_all(Scales scales);
  void round_block(const FactorBlock& block, Scales scales);
  void round_unit(const FactorBlock& block, std::size_t at, std::size_t end, Scales scales);
  void fit(const float* x, std::size_t column);
  void refine_block(std::size_t first, std::size_t count);
  /// The columns of H at `count` places, in gradient_panels_; and now_ becomes H d of these.
  void find_gradient(std::size_t first, std::size_t count);
  void fill_panel(std::size_t first, std::size_t count, float* panel);
  void refine_unit(std::size_t at, std::size_t first, std::size_t end);
  /// True if the error of a row would rise.
  bool try_change(std::size_t at, std::size_t first);
  void apply_change(std::size_t at, std::size_t first, std::size_t end);
  /// H at two places.
  float moment(std::size_t i, std::size_t j) const;
  /// The codec's choice for the columns at place `at`, whose weights are x.
  void choose(std::size_t at, const float* x, float* q, Scales scales);

  ColumnCodec& codec_;
  Columns columns_;
  std::vector<std::int32_t> order_;  // the column at each place: the factor's, then that of the refinement
  std::size_t rows_;
  Lanes weights_, values_, differences_;  // by place: w, q, w - q
  Lanes now_,
      errors_of_block_;  // of the current block: the weights as they are now, e; or H d, and what is changed
  Lanes rounded_, pieces_, gradient_panels_;
  Lanes directions_, moments_;  // of columns that share a scale: what they move by; H times that
  std::array<double, kLanes> errors_{};
  std::array<float, kLanes> gains_{};
  std::array<ScaleCost, kLanes> costs_;
};

}  // namespace pq::gptq
