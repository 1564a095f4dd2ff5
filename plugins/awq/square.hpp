// The error of outputs from that of weights.
#pragma once

#include <polyquant/base/matrix.hpp>

namespace pq::awq {

/// The sum over rows of d G d^T for a symmetric G. The same bits with every instruction set.
double output_error(ConstMatrix rows, ConstMatrix gram);

}  // namespace pq::awq
