// Up to kLanes rows on their way through error feedback.
#pragma once

#include "aligned.hpp"
#include "factor.hpp"
#include "products.hpp"

#include <polyquant/column_codec.hpp>

#include <array>
#include <cstddef>
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
  /// Chooses all codes again, each for what the others have become; the codec can revise. The error of no row rises.
  void refine();

  /// d H d^T of a row.
  double error(std::size_t lane) const { return errors_[lane]; }

 private:
  enum class Scales { here, before };
  void round_all(Scales scales);
  void round_block(const FactorBlock& block, Scales scales);
  void round_unit(const FactorBlock& block, std::size_t at, std::size_t end, Scales scales);
  void fit(const float* x, std::size_t column);
  void refine_block(std::size_t first, std::size_t count);
  /// The columns of H at `count` places.
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
  std::size_t rows_;
  Lanes weights_, values_, differences_;  // by place: w, q, w - q
  Lanes now_,
      errors_of_block_;  // of the current block: the weights as they are now, e; or H d, and what is changed
  Lanes rounded_, pieces_, gradient_panels_;
  std::array<double, kLanes> errors_{};
  std::array<float, kLanes> gains_{};
};

}  // namespace pq::gptq
