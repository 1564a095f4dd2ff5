// The error of outputs from that of weights, and products of few rows.
#pragma once

#include <polyquant/base/matrix.hpp>

namespace pq::awq {

/// The sum over rows of d G d^T for a symmetric G. The same bits with every instruction set.
double output_error(ConstMatrix rows, ConstMatrix gram);

/// out = rows x matrix, each sum from the first product to the last. The same bits with every instruction set and for any number of rows.
void multiply(ConstMatrix rows, ConstMatrix matrix, Matrix out);

}  // namespace pq::awq
