#include "run/journal.hpp"

#include "config/place.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/version.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <system_error>

namespace pq {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

std::string hash_of(const std::string& text) {
  return fmt::format("{:016x}", hash_bytes(std::as_bytes(std::span(text))));
}

/// Tensors with their places, and size and time of the files: another model, or a changed one, is another plan.
std::string source_identity(const Plan& plan) {
  std::string text;
  std::error_code ignored;
  for (const TensorInfo& tensor : plan.reader->header().tensors) {
    const fs::path file = fs::is_directory(plan.model, ignored) ? plan.model / tensor.file
                                                                : plan.model.parent_path() / tensor.file;
    text += fmt::format("{} {} {} {} {} {}\n", tensor.name, tensor.encoding, tensor.offset, tensor.bytes(),
                        fs::file_size(file, ignored),
                        fs::last_write_time(file, ignored).time_since_epoch().count());
  }
  return text;
}

std::string file_identity(const fs::path& path) {
  std::error_code ignored;
  return fmt::format("{} {} {}", fs::absolute(path).string(), fs::file_size(path, ignored),
                     fs::last_write_time(path, ignored).time_since_epoch().count());
}

std::string output_identity(const PlannedOutput& output) {
  std::string text =
      output.quantizer->info().id + '\n' + std::to_string(static_cast<int>(output.lossless)) + '\n';
  for (std::size_t i = 0; i < output.tensors.size(); ++i)
    text += fmt::format("{} {} {} {}\n", output.model.tensors[i].name, output.model.tensors[i].encoding,
                        output.layout.tensors[i].file, output.layout.tensors[i].offset);
  return text;
}

/// The keys by which two plans are compared.
Json identity(const Plan& plan) {
  Json json = {{"polyquant", PQ_VERSION_STRING},
               {"model", fs::absolute(plan.model).string()},
               {"model files", hash_of(source_identity(plan))},
               {"effort", static_cast<int>(plan.effort)},
               {"backend", plan.backend->info().id},
               {"rows at a time", plan.chunk_weights}};
  if (plan.imatrix != nullptr) json["imatrix"] = hash_of(file_identity(plan.imatrix->path()));
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
    json[fmt::format("outputs[{}].to", i)] = fs::absolute(plan.outputs[i].to).string();
    json[fmt::format("outputs[{}]", i)] = hash_of(output_identity(plan.outputs[i]));
  }
  return json;
}

/// Without a journal nobody can say whose a partial output is.
void refuse_strays(const Plan& plan) {
  for (const PlannedOutput& output : plan.outputs) {
    std::vector<fs::path> paths = {output.to};
    if (!output.format->info().is_folder)
      for (const OutputLayout::File& file : output.layout.files)
        paths.push_back(output.to.parent_path() / file.name);
    for (fs::path& path : paths) {
      path += ".partial";
      if (fs::exists(fs::symlink_status(path)))
        throw ConfigError(fmt::format(
            "{}{} exists, and no interrupted run is known that left it; move it away, give that run's --work "
            "folder, or add --force to replace it",
            place_prefix(output.to_mark), path.string()));
    }
  }
}

std::vector<fs::path> missing_folders(fs::path folder) {
  std::vector<fs::path> missing;
  std::error_code ignored;
  for (; !fs::exists(folder, ignored) && folder.has_relative_path(); folder = folder.parent_path())
    missing.push_back(folder);
  return missing;
}

std::string differing_keys(const Json& a, const Json& b) {
  std::string keys;
  for (const auto& [key, value] : a.items())
    if (!b.contains(key) || b[key] != value) keys += (keys.empty() ? "" : ", ") + key;
  for (const auto& [key, value] : b.items())
    if (!a.contains(key)) keys += (keys.empty() ? "" : ", ") + key;
  return keys;
}

Json to_json(const ChunkResult& result) {
  return {{"hash", fmt::format("{:016x}", result.hash)},
          {"error", result.squared_error},
          {"weight", result.squared_weight},
          {"exact", result.exact_rows},
          {"warnings", result.warnings}};
}

ChunkResult from_json(const Json& json) {
  ChunkResult result;
  result.hash = std::stoull(json.at("hash").get<std::string>(), nullptr, 16);
  result.squared_error = json.at("error").get<double>();
  result.squared_weight = json.at("weight").get<double>();
  result.exact_rows = json.at("exact").get<std::int64_t>();
  result.warnings = json.at("warnings").get<std::vector<std::string>>();
  return result;
}

}  // namespace

fs::path Journal::path_for(const Plan& plan) {
  if (!plan.work.empty()) return plan.work / "journal.jsonl";
  fs::path path = plan.outputs.front().to;
  path += ".partial.journal";
  return path;
}

Journal::Journal(fs::path path, const Plan& plan, bool force) : path_(std::move(path)) {
  const std::string header = identity(plan).dump();
  std::error_code ignored;
  if (!force && !fs::exists(path_, ignored)) refuse_strays(plan);
  read(header, force);
  // Folders of outputs stay; one that exists for the journal only is removed with it. That of an interrupted run was made by it.
  const fs::path folder = fs::absolute(path_).parent_path();
  if (!plan.work.empty()) made_folders_ = finished_.empty() ? missing_folders(folder) : std::vector{folder};
  fs::create_directories(folder, ignored);  // opening the file tells
  file_.open(path_, finished_.empty() ? std::ios::trunc : std::ios::app);
  if (finished_.empty()) file_ << header << '\n' << std::flush;
  if (!file_)
    throw ConfigError(fmt::format("{} cannot be written; choose another place for the output or add --work",
                                  path_.string()));
}

void Journal::read(const std::string& header, bool force) {
  std::ifstream file(path_);
  std::string line;
  if (!std::getline(file, line) || force) return;
  const Json earlier = Json::parse(line, nullptr, false);
  if (!earlier.is_object()) return;  // killed before the first line was complete
  if (line != header)
    throw ConfigError(fmt::format(
        "{} belongs to an interrupted run with other settings (different: {}); repeat that run to finish it, "
        "or add --force to start anew",
        path_.string(), differing_keys(earlier, Json::parse(header))));
  while (std::getline(file, line)) {
    try {
      const Json json = Json::parse(line);
      std::vector<ChunkResult> results;
      for (const Json& target : json.at("targets")) results.push_back(from_json(target));
      finished_[{json.at("task").get<std::size_t>(), json.at("chunk").get<std::int64_t>()}] =
          std::move(results);
    } catch (const std::exception&) {
      return;  // the line that was being written when the program was killed
    }
  }
}

const std::vector<ChunkResult>* Journal::find(std::size_t task, std::int64_t chunk) const {
  const auto found = finished_.find({task, chunk});
  return found == finished_.end() ? nullptr : &found->second;
}

void Journal::record(std::size_t task, std::int64_t chunk, const std::vector<ChunkResult>& results) {
  Json json = {{"task", task}, {"chunk", chunk}, {"targets", Json::array()}};
  for (const ChunkResult& result : results) json["targets"].push_back(to_json(result));
  const std::string line = json.dump() + '\n';
  const std::lock_guard lock(mutex_);
  file_ << line << std::flush;
}

void Journal::remove() noexcept {
  file_.close();
  std::error_code ignored;
  fs::remove(path_, ignored);
  for (const fs::path& folder : made_folders_) fs::remove(folder, ignored);  // only if it is empty
}

}  // namespace pq
