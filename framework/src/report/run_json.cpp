#include "plan/replaceable.hpp"
#include "report/calibration_report.hpp"
#include "report/json_values.hpp"
#include "report/run_report.hpp"
#include "run/figures.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <exception>
#include <span>

namespace pq {
namespace {

using Json = nlohmann::ordered_json;

Json folds_json(const std::vector<FoldResult>& folds) {
  Json json = Json::array();
  for (const FoldResult& fold : folds)
    json.push_back({{"layer", fold.layer},
                    {"producer", fold.producer},
                    {"choice", fold.choice},
                    {"loss_before", json_number(fold.loss_before)},
                    {"loss_after", json_number(fold.loss_after)}});
  return json;
}

Json output_json(const PlannedOutput& output, const OutputResult* result) {
  Json tensors = Json::array();
  for (std::size_t i = 0; i < output.tensors.size(); ++i) {
    const OutputTensor& tensor = output.model.tensors[i];
    Json entry = {{"name", tensor.name},
                  {"shape", tensor.shape},
                  {"encoding", tensor.encoding},
                  {"route", to_string(output.tensors[i].route)},
                  {"bytes", output.bytes_of(i)}};
    if (output.tensors[i].has_importance()) entry["importance"] = true;
    if (!output.tensors[i].note.empty()) entry["note"] = output.tensors[i].note;
    if (result != nullptr) {
      entry["relative_error"] = result->tensors[i].relative_error();
      entry["exact_rows"] = result->tensors[i].exact_rows;
      entry["near_rows"] = result->tensors[i].near_rows;
      if (!result->tensors[i].warnings.empty()) entry["warnings"] = result->tensors[i].warnings;
      for (const QuantFigure& figure : result->tensors[i].figures)
        entry["figures"][figure.name] = value_of(figure);
    }
    tensors.push_back(std::move(entry));
  }
  Json json = {{"to", output.to.string()},
               {"format", output.format->info().id},
               {"quantizer", output.quantizers()},
               {"bytes", output.layout.total_bytes()},
               {"bits_per_weight", output.bits_per_weight()}};
  if (result != nullptr) {
    json["seconds"] = result->seconds;
    json["relative_error"] = result->relative_error();
  }
  if (result != nullptr && !result->folds.empty()) json["folds"] = folds_json(result->folds);
  json["tensors"] = std::move(tensors);
  return json;
}

Json outputs_json(const Plan& plan, const RunResult* result) {
  Json outputs = Json::array();
  for (std::size_t i = 0; i < plan.outputs.size(); ++i)
    outputs.push_back(output_json(plan.outputs[i], result == nullptr ? nullptr : &result->outputs[i]));
  return outputs;
}

}  // namespace

nlohmann::ordered_json plan_json(const Plan& plan) {
  Json json = {{"model", plan.model.string()},
               {"backend", plan.backend->info().id},
               {"outputs", outputs_json(plan, nullptr)},
               {"statistics", statistics_json(plan)},
               {"peak_memory_bytes", plan.peak_memory_bytes},
               {"seconds", plan.seconds},
               {"warnings", plan.warnings}};
  if (plan.calibration != nullptr) json["calibration"] = calibration_json(*plan.calibration, nullptr);
  return json;
}

nlohmann::ordered_json run_json(const Plan& plan, const RunResult& result) {
  Json json = {{"model", plan.model.string()},
               {"backend", plan.backend->info().id},
               {"outputs", outputs_json(plan, &result)},
               {"seconds", result.seconds},
               {"peak_memory_bytes", result.peak_memory_bytes},
               {"warnings", plan.warnings}};
  if (!result.calibration) return json;
  json["calibration"] = calibration_json(*plan.calibration, &*result.calibration);
  for (const std::string& warning : result.calibration->warnings) json["warnings"].push_back(warning);
  return json;
}

void write_report(const Plan& plan, const RunResult& result, bool force) {
  if (plan.report.empty()) return;
  const std::string text = run_json(plan, result).dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
  try {
    check_new_file(plan.report, ReadNames(plan), force);  // once more: the run took long
    if (plan.report.has_parent_path()) std::filesystem::create_directories(plan.report.parent_path());
    PartialFile file(plan.report, text.size());
    file.write(0, std::as_bytes(std::span(text)));
    file.seal();
  } catch (const std::exception& error) {
    throw ResourceError(fmt::format("the report {} cannot be written, but the outputs are complete: {}",
                                    plan.report.string(), error.what()));
  }
}

}  // namespace pq
