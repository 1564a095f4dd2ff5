// The parts with a version for each instruction set, chosen at run time. All of them give the same bytes.
#pragma once

#include "affine/grid.hpp"

#include <polyquant/base/matrix.hpp>
#include <polyquant/encoding.hpp>

#include <cstdint>

namespace pq::affine {

/// One group of columns of some rows.
struct FitCall {
  const AffineRows* layout = nullptr;  // of the tensor: bits, types
  ConstMatrix weights;                 // the columns of the group
  const float* importance = nullptr;   // in 0..1 with a maximum of 1, one number per column of the group
  Effort effort = Effort::normal;
  GroupFit* fits = nullptr;  // one per row
};
/// Scale and zero with the least weighted squared error of the decoded values that the search finds, never worse than those of the plain range.
///   fast    the plain range: the smallest and the largest weight (and 0, unless zeros are real numbers) become the ends of the grid
///   normal  both ends moved in a few steps, the best refined by least squares
///   best    the same with many more steps
void fit_group(const FitCall& call);

/// Codes of consecutive columns of one group; weights are finite or not (finite_weight()).
void choose_codes(const float* weights, std::size_t count, GroupFit fit, const AffineRows& layout,
                  std::uint8_t* codes);

/// Values of all columns of a row. `groups`: of each column, or nullptr for column / group.
void decode_row(const AffineRows& layout, const std::byte* row, const std::int32_t* groups, float* out);

/// One column of some rows, each with its own scale and zero.
struct ColumnCall {
  const AffineRows* layout = nullptr;
  std::size_t rows = 0;
  const float* weights = nullptr;
  std::size_t weight_stride = 1;  // 1, as for the values: in vectors
  const float *scales = nullptr, *zeros = nullptr;
  std::uint8_t* codes = nullptr;
  float* values = nullptr;  // what the codes decode to
  std::size_t value_stride = 1;
};
void round_column(const ColumnCall& call);

}  // namespace pq::affine
