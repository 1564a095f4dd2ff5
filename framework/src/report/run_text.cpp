#include "base/printable.hpp"
#include "report/calibration_report.hpp"
#include "report/figure_text.hpp"
#include "report/run_report.hpp"
#include "report/text_table.hpp"

#include <polyquant/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

namespace pq {
namespace {

/// One line of the table: all tensors of one encoding and route.
struct Line {
  std::int64_t tensors = 0, weights = 0;
  std::uint64_t bytes = 0;
  TensorResult error;
};

std::map<std::pair<std::string, std::string>, Line> lines_of(const PlannedOutput& output,
                                                             const OutputResult* result) {
  std::map<std::pair<std::string, std::string>, Line> lines;
  for (std::size_t i = 0; i < output.tensors.size(); ++i) {
    const OutputTensor& tensor = output.model.tensors[i];
    Line& line = lines[{tensor.encoding, std::string(to_string(output.tensors[i].route))}];
    ++line.tensors;
    line.weights += elements(tensor.shape);
    line.bytes += output.bytes_of(i);
    if (result == nullptr) continue;
    line.error.squared_error += result->tensors[i].squared_error;
    line.error.squared_weight += result->tensors[i].squared_weight;
  }
  return lines;
}

std::string table(const PlannedOutput& output, const OutputResult* result) {
  std::vector<std::vector<std::string>> cells = {
      {"  encoding", "route", "tensors", "weights", "bytes", "bits"}};
  if (result != nullptr) cells[0].push_back("relative error");
  for (const auto& [key, line] : lines_of(output, result)) {
    const double bits =
        line.weights == 0 ? 0.0 : 8.0 * static_cast<double>(line.bytes) / static_cast<double>(line.weights);
    cells.push_back({"  " + key.first, key.second, std::to_string(line.tensors), std::to_string(line.weights),
                     std::to_string(line.bytes), fmt::format("{:.3f}", bits)});
    if (result != nullptr) cells.back().push_back(fmt::format("{:.3e}", line.error.relative_error()));
  }
  return text_table(cells, {false, false, true, true, true, true, true});
}

/// Every tensor of an output, for who writes rules.
std::string tensor_table(const PlannedOutput& output) {
  std::vector<std::vector<std::string>> cells = {{"  tensor", "role", "shape", "encoding", "route"}};
  for (std::size_t i = 0; i < output.tensors.size(); ++i) {
    const OutputTensor& tensor = output.model.tensors[i];
    const std::string& role = output.view->tensors[output.tensors[i].view_index].role;
    cells.push_back({"  " + tensor.name, role.empty() ? "-" : role, to_string(tensor.shape), tensor.encoding,
                     std::string(to_string(output.tensors[i].route))});
  }
  return text_table(cells);
}

/// Notes such as "q6_k needs row lengths that are multiples of 256, these have 576", each with the number of tensors it concerns.
std::string notes(const PlannedOutput& output) {
  std::map<std::string, std::pair<int, std::string>> seen;
  for (std::size_t i = 0; i < output.tensors.size(); ++i) {
    const std::string& note = output.tensors[i].note;
    if (note.empty()) continue;
    auto& [count, example] = seen[fmt::format("{}: {} instead", note, output.model.tensors[i].encoding)];
    if (count++ == 0) example = output.model.tensors[i].name;
  }
  std::string text;
  for (const auto& [note, where] : seen)
    text += fmt::format("  note: {} ({}{})\n", note, where.second,
                        where.first == 1 ? "" : fmt::format(" and {} more", where.first - 1));
  return text;
}

std::string importance_line(const PlannedOutput& output) {
  std::string file = "the calibration data";
  std::size_t with = 0, quantized = 0;
  for (const PlannedTensor& tensor : output.tensors) {
    if (tensor.route != Route::copy && tensor.encoding->info().uses_importance) ++quantized;
    if (!tensor.has_importance()) continue;
    ++with;
    if (tensor.importance != nullptr) file = tensor.importance->imatrix->path().filename().string();
  }
  return with == 0 ? ""
                   : fmt::format("  importance of columns: {} of {} tensors that can use it, from {}\n", with,
                                 quantized, file);
}

std::string worst_tensors(const PlannedOutput& output, const OutputResult& result) {
  std::vector<std::size_t> order(result.tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto error = [&](std::size_t i) { return result.tensors[i].relative_error(); };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return error(a) > error(b); });
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, order.size()) && error(order[i]) > 0; ++i)
    text += fmt::format("{} {} ({:.3e})", i == 0 ? "  worst:" : ",", output.model.tensors[order[i]].name,
                        error(order[i]));
  if (!text.empty()) text += '\n';
  for (std::size_t i = 0; i < result.tensors.size(); ++i)
    for (const std::string& warning : result.tensors[i].warnings)
      text += fmt::format("  warning: {}: {}\n", output.model.tensors[i].name, warning);
  return text;
}

/// How many places got scales, and what that did to the loss.
std::string folds_line(const PlannedOutput& output, const OutputResult& result) {
  if (result.folds.empty()) return "";
  std::size_t scaled = 0;
  double shares = 0;  // of the losses before
  for (const FoldResult& fold : result.folds) {
    if (fold.loss_after < fold.loss_before) ++scaled;
    shares += fold.loss_before > 0 ? fold.loss_after / fold.loss_before : 1.0;
  }
  return fmt::format("  {}: channels scaled in {} of {} places, loss {:.1f} % of that without on average\n",
                     output.folder->info().id, scaled, result.folds.size(),
                     100 * shares / static_cast<double>(result.folds.size()));
}

/// The parts of a split file are what there is, not the name that was asked for.
std::string headline(const PlannedOutput& output) {
  const auto& files = output.layout.files;
  const bool is_split = !output.format->info().is_folder && files.size() > 1;
  const std::string name =
      is_split ? fmt::format("{} and {} more parts", (output.to.parent_path() / files.front().name).string(),
                             files.size() - 1)
               : output.to.string();
  return fmt::format("{}  ({}, {}, {:.3f} bits per weight)\n", name, output.format->info().id,
                     format_bytes(output.layout.total_bytes()), output.bits_per_weight());
}

std::string time_text(double seconds) {
  return seconds < 1 ? "under a second" : fmt::format("about {:.1f} s", seconds);
}

}  // namespace

std::string plan_text(const Plan& plan, bool every_tensor) {
  std::string text;
  for (const PlannedOutput& output : plan.outputs)
    text += headline(output) + (every_tensor ? tensor_table(output) + "\n" : "") + table(output, nullptr) +
            importance_line(output) + notes(output);
  if (plan.calibration != nullptr) text += calibration_text(*plan.calibration, nullptr);
  text += fmt::format("peak memory about {}, time {} on {}\n", format_bytes(plan.peak_memory_bytes),
                      time_text(plan.seconds), plan.backend->info().id);
  return printable(text);
}

std::string run_text(const Plan& plan, const RunResult& result) {
  std::string text;
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
    const PlannedOutput& output = plan.outputs[i];
    text += headline(output) + table(output, &result.outputs[i]) + importance_line(output) +
            folds_line(output, result.outputs[i]) + worst_tensors(output, result.outputs[i]) +
            figure_text(output, result.outputs[i]) + notes(output);
  }
  if (result.calibration) text += calibration_text(*plan.calibration, &*result.calibration);
  return printable(text) +
         fmt::format("{:.1f} s, peak memory {}\n", result.seconds, format_bytes(result.peak_memory_bytes));
}

}  // namespace pq
