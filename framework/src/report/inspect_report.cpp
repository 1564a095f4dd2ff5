#include "report/inspect_report.hpp"

#include "model/view.hpp"
#include "report/json_values.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/log.hpp>

#include <set>
#include <system_error>

namespace pq {
namespace {

using Json = nlohmann::ordered_json;

double bits(std::uint64_t bytes, std::int64_t weights) noexcept {
  return weights == 0 ? 0.0 : 8.0 * static_cast<double>(bytes) / static_cast<double>(weights);
}

// The name of the architecture; a damaged config.json is no reason not to list the tensors.
std::string architecture_of(const std::filesystem::path& path, const OpenedModel& model) {
  try {
    return make_view(model.reader, path, model.reader->header().dialect, {})->facts.architecture;
  } catch (const FormatError& error) {
    log::warning(error.what());
    return {};
  }
}

std::uint64_t bytes_of_files(const std::filesystem::path& path, const ModelHeader& header) {
  std::set<std::string> names;
  for (const TensorInfo& tensor : header.tensors) names.insert(tensor.file);
  std::error_code error;
  const bool is_folder = std::filesystem::is_directory(path, error);
  std::uint64_t bytes = 0;
  for (const std::string& name : names) {
    const std::uint64_t size =
        std::filesystem::file_size((is_folder ? path : path.parent_path()) / name, error);
    if (!error) bytes += size;
  }
  return bytes;
}

Json entry_of(const TensorInfo& tensor) {
  return {{"name", tensor.name},         {"shape", tensor.shape},
          {"encoding", tensor.encoding}, {"bits_per_weight", bits(tensor.bytes(), elements(tensor.shape))},
          {"bytes", tensor.bytes()},     {"file", tensor.file},
          {"offset", tensor.offset}};
}

Json config_of(const ModelHeader& header) {
  for (const SideFile& file : header.side_files)
    if (file.name == "config.json") return json_file_or_null(file.path);
  return {};
}

}  // namespace

double Inspection::bits_per_weight() const noexcept { return bits(tensor_bytes, parameters); }

Inspection inspect_model(const std::filesystem::path& path, const OpenedModel& model) {
  Inspection result;
  result.path = path;
  result.format = model.format->info().id;
  result.architecture = architecture_of(path, model);
  result.header = &model.reader->header();
  for (const TensorInfo& tensor : result.header->tensors) {
    result.parameters += elements(tensor.shape);
    result.tensor_bytes += tensor.bytes();
  }
  result.file_bytes = bytes_of_files(path, *result.header);
  return result;
}

Json inspection_json(const Inspection& inspection) {
  Json tensors = Json::array();
  for (const TensorInfo& tensor : inspection.header->tensors) tensors.push_back(entry_of(tensor));
  Json result = {{"path", inspection.path.string()},
                 {"format", inspection.format},
                 {"architecture", inspection.architecture},
                 {"parameters", inspection.parameters},
                 {"bytes", inspection.file_bytes},
                 {"bits_per_weight", inspection.bits_per_weight()},
                 {"metadata", json_of(inspection.header->metadata)}};
  if (const Json config = config_of(*inspection.header); !config.is_null()) result["config"] = config;
  Json files = Json::array();
  for (const SideFile& file : inspection.header->side_files) files.push_back(file.name);
  result["side_files"] = std::move(files);
  result["tensors"] = std::move(tensors);
  if (inspection.check) {
    result["problems"] = inspection.check->problems;
    result["unchecked"] = inspection.check->unchecked;
  }
  return result;
}

Json tensor_json(const TensorInspection& inspection) {
  Json result = entry_of(inspection.tensor);
  if (!inspection.statistics) return result;
  const TensorStatistics& statistics = *inspection.statistics;
  result["statistics"] = {{"min", json_number(statistics.smallest)},
                          {"max", json_number(statistics.largest)},
                          {"mean", json_number(statistics.mean())},
                          {"rms", json_number(statistics.rms())},
                          {"zeros", statistics.zeros},
                          {"nan", statistics.nan},
                          {"infinite", statistics.infinite}};
  Json first = Json::array();
  for (const float value : inspection.first) first.push_back(json_number(value));
  result["first"] = std::move(first);
  return result;
}

}  // namespace pq
