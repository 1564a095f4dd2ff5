#include "run/journal.hpp"

#include "plan/output_names.hpp"
#include "run/plan_identity.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pq {
namespace {

using Json = nlohmann::ordered_json;

/// One line. File names may be no UTF-8.
std::string line_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

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

Journal::Journal(const Plan& plan, bool force) : file_(journal_path(plan), journal_path(plan)) {
  const std::string header = line_of(plan_identity(plan));
  const std::vector<std::string> lines = file_.lines();
  std::size_t good = 0;
  if (!lines.empty() && lines[0] == header) {
    good = 1;
    while (good < lines.size() && read_line(lines[good])) ++good;
  } else if (!lines.empty() && !force) {
    const Json earlier = Json::parse(lines[0], nullptr, false);
    if (earlier.is_object())
      throw ConfigError(fmt::format(
          "{} belongs to an interrupted run with other settings (different: {}); repeat that run to finish "
          "it, or add --force to start anew",
          file_.path().string(), differing_keys(earlier, Json::parse(header))));
  }
  // What follows a line that was cut off would be read as part of it.
  file_.keep_lines(lines, good);
  if (good == 0) file_.append(header);
}

bool Journal::read_line(const std::string& line) {
  try {
    const Json json = Json::parse(line);
    std::vector<ChunkResult> results;
    for (const Json& target : json.at("targets")) results.push_back(from_json(target));
    finished_[{json.at("task").get<std::size_t>(), json.at("chunk").get<std::int64_t>()}] =
        std::move(results);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

const std::vector<ChunkResult>* Journal::find(std::size_t task, std::int64_t chunk) const {
  const auto found = finished_.find({task, chunk});
  return found == finished_.end() ? nullptr : &found->second;
}

void Journal::record(std::size_t task, std::int64_t chunk, const std::vector<ChunkResult>& results) {
  Json json = {{"task", task}, {"chunk", chunk}, {"targets", Json::array()}};
  for (const ChunkResult& result : results) json["targets"].push_back(to_json(result));
  const std::string line = line_of(json);
  const std::lock_guard lock(mutex_);
  file_.append(line);
}

}  // namespace pq
