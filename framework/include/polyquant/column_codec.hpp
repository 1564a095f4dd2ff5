// Codes chosen a few columns at a time: what error-feedback quantizers (GPTQ and its kin) need from an encoding.
#pragma once

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/error.hpp>
#include <polyquant/base/matrix.hpp>

#include <cstdint>
#include <span>

namespace pq {

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
};

inline void ColumnCodec::revise(std::int64_t, ConstMatrix, Matrix) {
  assertion_failed("can_revise()", "this column codec cannot choose codes again", __FILE__, __LINE__);
}

}  // namespace pq
