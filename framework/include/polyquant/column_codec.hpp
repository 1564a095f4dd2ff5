// Codes chosen a few columns at a time: what error-feedback quantizers (GPTQ and its kin) need from an encoding.
#pragma once

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/error.hpp>
#include <polyquant/base/matrix.hpp>

#include <cstdint>
#include <span>

namespace pq {

/// Numbers that many columns of a row share: scale and offset of a group, or the factors of these in a super-block.
enum class ScaleLevel { group, super };

/// What it changes the error of a row by if a shared scale moves by s and its offset by o, and every column that shares them with these times
/// its directions: a quadratic function, 0 for no change.
struct ScaleCost {
  float scale_slope = 0, offset_slope = 0;  // halves of the slopes
  float scale_square = 0, product = 0, offset_square = 0;
  float of(float s, float o) const noexcept {
    return 2 * (scale_slope * s + offset_slope * o) + scale_square * s * s + 2 * product * s * o +
           offset_square * o * o;
  }
};

/// Encodes the rows of one matrix from the left to the right. Use: for each `fit_cols()` columns call fit() once, then round() for each
/// `round_cols()` of them in order; after the last column emit() every row. Not for concurrent calls; make one codec per thread, each with
/// its own rows.
class ColumnCodec {
 public:
  virtual ~ColumnCodec() = default;
  /// Columns whose scales are fixed together, a multiple of round_cols(); the last group of a row may be shorter.
  virtual int fit_cols() const = 0;
  /// Columns whose codes are chosen together: 1 for scalar grids, 4 or 8 for lattices.
  virtual int round_cols() const = 0;
  /// Fixes the scales of the next fit_cols() columns. `weights`: all rows, those columns. `importance`: one weight per column, empty = all equal.
  virtual void fit(ConstMatrix weights, std::span<const float> importance) = 0;
  /// Chooses and remembers the codes of the next round_cols() columns and writes the values that they decode to.
  virtual void round(ConstMatrix weights, Matrix rounded) = 0;
  /// Writes the encoded bytes of one row; only after the last column.
  virtual void emit(std::int64_t row, MutableBytes out) const = 0;

  /// Whether revise() works.
  virtual bool can_revise() const { return false; }
  /// Chooses the codes of the round_cols() columns from `column` on (a multiple of it) again, with their scales as they are, and writes the
  /// values that they decode to. In any order and as often as wanted, but only after the last column.
  virtual void revise(std::int64_t column, ConstMatrix weights, Matrix rounded);

  // Moving scales with the codes as they are, after the last column; in any order, as often as wanted, also between calls of revise(). A codec
  // that can has round_cols() = 1.

  /// Which of the numbers shared at this level a column has, counted from 0 on; -1 for all columns: the codec cannot move any. Columns that share
  /// a group share a super-block.
  virtual std::int64_t scale_of(ScaleLevel level, std::int64_t column) const;
  /// What the value of a column changes by in each row if its scale at the level grows by 1, and if its offset does: 0 where there is none.
  virtual void directions(ScaleLevel level, std::int64_t column, std::span<float> scale,
                          std::span<float> offset) const;
  /// Moves a scale and its offset in each row to where the error is as small as the search finds, or leaves them. `changes`: what the cost then is,
  /// 0 or less; 0 only where nothing moved.
  virtual void rescale(ScaleLevel level, std::int64_t number, std::span<const ScaleCost> costs,
                       std::span<float> changes);
  /// What the codes of a column decode to, one value for each row.
  virtual void values(std::int64_t column, std::span<float> out) const;
};

inline void ColumnCodec::revise(std::int64_t, ConstMatrix, Matrix) {
  assertion_failed("can_revise()", "this column codec cannot choose codes again", __FILE__, __LINE__);
}

inline std::int64_t ColumnCodec::scale_of(ScaleLevel, std::int64_t) const { return -1; }
inline void ColumnCodec::directions(ScaleLevel, std::int64_t, std::span<float>, std::span<float>) const {
  assertion_failed("scale_of() >= 0", "this column codec cannot move scales", __FILE__, __LINE__);
}
inline void ColumnCodec::rescale(ScaleLevel, std::int64_t, std::span<const ScaleCost>, std::span<float>) {
  assertion_failed("scale_of() >= 0", "this column codec cannot move scales", __FILE__, __LINE__);
}
inline void ColumnCodec::values(std::int64_t, std::span<float>) const {
  assertion_failed("scale_of() >= 0", "this column codec cannot move scales", __FILE__, __LINE__);
}

}  // namespace pq
