#include "report/compare_report.hpp"

#include "report/json_values.hpp"
#include "report/text_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

namespace pq {
namespace {

using Json = nlohmann::ordered_json;

std::string error_text(double error) {
  return std::isnan(error) ? "NaN" : error == 0 ? "0" : fmt::format("{:.3e}", error);
}

Json json_of(const Difference& difference) {
  Json result = {{"rmse", json_number(difference.rmse())},
                 {"relative_error", json_number(difference.relative_error())},
                 {"max_abs", json_number(difference.max_abs)}};
  if (difference.non_finite > 0) result["non_finite"] = difference.non_finite;
  return result;
}

std::vector<std::size_t> worst_first(const Comparison& comparison) {
  std::vector<std::size_t> order(comparison.tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto badness = [&](std::size_t i) {
    const double error = comparison.tensors[i].difference.relative_error();
    return std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return badness(a) > badness(b); });
  return order;
}

std::string sums(const Comparison& comparison) {
  std::map<std::pair<std::string, std::string>, std::pair<std::size_t, Difference>> pairs;
  for (const TensorDifference& tensor : comparison.tensors) {
    auto& [count, difference] = pairs[{tensor.encoding_a, tensor.encoding_b}];
    ++count;
    difference.add(tensor.difference);
  }
  std::vector<std::vector<std::string>> rows = {
      {"A", "B", "tensors", "weights", "relative error", "rmse", "largest"}};
  const auto add = [&](const std::string& a, const std::string& b, std::size_t count,
                       const Difference& difference) {
    rows.push_back({a, b, std::to_string(count), std::to_string(difference.weights),
                    error_text(difference.relative_error()), error_text(difference.rmse()),
                    error_text(difference.max_abs)});
  };
  for (const auto& [encodings, sum] : pairs) add(encodings.first, encodings.second, sum.first, sum.second);
  add("all", "", comparison.tensors.size(), comparison.total);
  return text_table(rows, {false, false, true, true, true, true, true});
}

std::string tensors(const Comparison& comparison, std::size_t most) {
  const std::vector<std::size_t> order = worst_first(comparison);
  std::vector<std::vector<std::string>> rows = {
      {"relative error", "rmse", "largest", "A", "B", "shape", "tensor"}};
  for (std::size_t i = 0; i < std::min(most, order.size()); ++i) {
    const TensorDifference& tensor = comparison.tensors[order[i]];
    rows.push_back({error_text(tensor.difference.relative_error()), error_text(tensor.difference.rmse()),
                    error_text(tensor.difference.max_abs), tensor.encoding_a, tensor.encoding_b,
                    to_string(tensor.shape), tensor.name});
  }
  std::string text = text_table(rows, {true, true, true, false, false, false, false});
  if (order.size() > most)
    text += fmt::format("and {} more with smaller errors (--all shows them)\n", order.size() - most);
  return text;
}

}  // namespace

Json comparison_json(const Comparison& comparison) {
  Json tensors = Json::array();
  for (const TensorDifference& tensor : comparison.tensors) {
    Json entry = {{"name", tensor.name},
                  {"shape", tensor.shape},
                  {"encoding_a", tensor.encoding_a},
                  {"encoding_b", tensor.encoding_b}};
    entry.update(json_of(tensor.difference));
    tensors.push_back(std::move(entry));
  }
  Json result = {{"tensors", std::move(tensors)}};
  result.update(json_of(comparison.total));
  Json missing = Json::array();
  for (const NotCompared& tensor : comparison.not_compared)
    missing.push_back({{"name", tensor.name}, {"reason", tensor.reason}});
  result["not_compared"] = std::move(missing);
  return result;
}

std::string comparison_text(const Comparison& comparison, std::size_t most_tensors) {
  std::string text = fmt::format("{}\n{}", sums(comparison), tensors(comparison, most_tensors));
  if (comparison.not_compared.empty()) return text;
  std::vector<std::vector<std::string>> rows = {{"not compared", ""}};
  for (const NotCompared& tensor : comparison.not_compared) rows.push_back({tensor.name, tensor.reason});
  return fmt::format("{}\n{}", text, text_table(rows));
}

}  // namespace pq
