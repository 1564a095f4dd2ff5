#include "report/figure_text.hpp"

#include "report/text_table.hpp"
#include "run/figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace pq {
namespace {

using Values = std::vector<std::pair<double, std::size_t>>;  // with the tensor

/// In the order in which the tensors name them.
std::vector<std::pair<std::string, Values>> values_by_name(const OutputResult& result) {
  std::vector<std::pair<std::string, Values>> figures;
  for (std::size_t i = 0; i < result.tensors.size(); ++i)
    for (const QuantFigure& figure : result.tensors[i].figures) {
      auto at = std::find_if(figures.begin(), figures.end(),
                             [&](const auto& known) { return known.first == figure.name; });
      if (at == figures.end()) at = figures.insert(figures.end(), {figure.name, {}});
      at->second.emplace_back(value_of(figure), i);
    }
  return figures;
}

}  // namespace

std::string figure_text(const PlannedOutput& output, const OutputResult& result) {
  std::vector<std::vector<std::string>> cells = {{"  figure", "tensors", "median", "largest", "of"}};
  for (auto& [name, values] : values_by_name(result)) {
    const auto largest = *std::max_element(values.begin(), values.end(),
                                           [](const auto& a, const auto& b) { return a.first < b.first; });
    std::stable_sort(values.begin(), values.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    cells.push_back({"  " + name, std::to_string(values.size()),
                     fmt::format("{:.3e}", values[(values.size() - 1) / 2].first),
                     fmt::format("{:.3e}", largest.first), output.model.tensors[largest.second].name});
  }
  return cells.size() == 1 ? "" : text_table(cells, {false, true, true, true, false});
}

}  // namespace pq
