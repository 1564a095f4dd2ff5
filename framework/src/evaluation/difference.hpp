// Sums over the differences of weights.
#pragma once

#include <polyquant/base/export.hpp>
#include <polyquant/base/matrix.hpp>

#include <cstdint>

namespace pq {

/// What is known about B against A. Sums are in f64 and in a fixed order.
struct PQ_API Difference {
  std::int64_t weights = 0;
  double squared_error = 0;      // ||A - B||^2
  double squared_reference = 0;  // ||A||^2
  double max_abs = 0;            // largest |a - b|
  /// Places where A or B is NaN or infinite and the other is not the same. They are in no sum; the figures below are then NaN.
  std::int64_t non_finite = 0;

  void add(ConstMatrix a, ConstMatrix b) noexcept;
  void add(const Difference& other) noexcept;

  double rmse() const noexcept;
  /// ||A - B||^2 / ||A||^2; 0 if both are zero, infinite if only A is.
  double relative_error() const noexcept;
};

}  // namespace pq
