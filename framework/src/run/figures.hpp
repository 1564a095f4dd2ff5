// Figures of quantizers, added up over the rows of a tensor.
#pragma once

#include <polyquant/quantizer.hpp>

#include <vector>

namespace pq {

/// Adds figures of some rows to those of a tensor, by name.
void add_figures(const std::vector<QuantFigure>& of_rows, std::vector<QuantFigure>& of_tensor);

bool is_finite(const QuantFigure& figure);

/// 0 if nothing was added up.
double value_of(const QuantFigure& figure);

}  // namespace pq
