// What a change of weights costs: the loss of a layer's outputs.
#pragma once

#include "row_tile.hpp"

#include <vector>

namespace pq::gptq {

/// d G d^T / (the mean of the diagonal of G) for every row d, G = X^T X without damping.
std::vector<double> losses(ConstMatrix rows, const Columns& columns);

}  // namespace pq::gptq
