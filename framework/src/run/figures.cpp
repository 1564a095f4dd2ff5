#include "run/figures.hpp"

#include <algorithm>
#include <cmath>

namespace pq {

bool is_finite(const QuantFigure& figure) { return std::isfinite(figure.sum) && std::isfinite(figure.over); }

void add_figures(const std::vector<QuantFigure>& of_rows, std::vector<QuantFigure>& of_tensor) {
  for (const QuantFigure& figure : of_rows) {
    const auto known = std::find_if(of_tensor.begin(), of_tensor.end(),
                                    [&](const QuantFigure& other) { return other.name == figure.name; });
    if (known == of_tensor.end()) {
      of_tensor.push_back(figure);
      continue;
    }
    known->sum += figure.sum;
    known->over += figure.over;
  }
}

double value_of(const QuantFigure& figure) { return figure.over != 0 ? figure.sum / figure.over : 0; }

}  // namespace pq
