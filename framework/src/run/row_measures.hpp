// What a run measures of every weight: the error, and whether it is a number at all.
#pragma once

#include <span>

namespace pq {

struct RowError {
  double squared_error = 0;   // sum of (got - wanted)^2
  double squared_weight = 0;  // sum of wanted^2
};

/// Sums in f64. Element i belongs to sum i % 8; the eight sums are added in order. So the result has the same bits with every instruction
/// set. `got` and `wanted` are of one length.
RowError row_error(std::span<const float> wanted, std::span<const float> got);

/// False if there is a NaN or an infinity.
bool row_is_finite(std::span<const float> row);

/// The definition of row_error(), for tests.
RowError row_error_reference(std::span<const float> wanted, std::span<const float> got);

}  // namespace pq
