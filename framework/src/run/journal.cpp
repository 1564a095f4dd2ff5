#include "run/journal.hpp"

#include "plan/output_names.hpp"
#include "run/plan_identity.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <limits>
#include <string_view>
#include <system_error>

namespace pq {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kMadeFolders = "made_folders";

/// One line. File names may be no UTF-8.
std::string line_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json to_json(const ChunkResult& result) {
  Json figures = Json::array();
  for (const QuantFigure& figure : result.figures) figures.push_back({figure.name, figure.sum, figure.over});
  return {{"hash", fmt::format("{:016x}", result.hash)},
          {"error", result.squared_error},
          {"weight", result.squared_weight},
          {"exact", result.exact_rows},
          {"near", result.near_rows},
          {"warnings", result.warnings},
          {"figures", std::move(figures)}};
}

ChunkResult from_json(const Json& json) {
  ChunkResult result;
  result.hash = std::stoull(json.at("hash").get<std::string>(), nullptr, 16);
  result.squared_error = json.at("error").get<double>();
  result.squared_weight = json.at("weight").get<double>();
  result.exact_rows = json.at("exact").get<std::int64_t>();
  result.near_rows = json.at("near").get<std::int64_t>();
  result.warnings = json.at("warnings").get<std::vector<std::string>>();
  for (const Json& figure : json.at("figures"))
    result.figures.push_back(
        {figure.at(0).get<std::string>(), figure.at(1).get<double>(), figure.at(2).get<double>()});
  return result;
}

constexpr std::string_view kBegin = R"({"polyquant":")";  // of a header

/// The whole lines.
std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    lines.push_back(text.substr(begin, end - begin));
  return lines;
}

/// Only what polyquant wrote may be replaced: a header, perhaps cut off.
void check_ours(const std::filesystem::path& path, std::string_view text) {
  const std::string_view first = text.substr(0, text.find('\n'));
  const Json header = Json::parse(first, nullptr, false);
  const bool is_cut = first.size() == text.size() && (kBegin.starts_with(first) || first.starts_with(kBegin));
  if (text.empty() || is_cut || (header.is_object() && header.contains("polyquant"))) return;
  throw ConfigError(fmt::format(
      "{} is no journal of polyquant; move it away or choose another folder for --work", path.string()));
}

/// Whether the claim beside an output of this path names the journal.
bool is_named(const std::filesystem::path& claim, const std::filesystem::path& journal) {
  try {
    std::error_code ignored;
    const ClaimState state = read_claim(claim);
    return !state.journal.empty() && std::filesystem::equivalent(state.journal, journal, ignored);
  } catch (const ConfigError&) {
    return false;  // somebody's file
  }
}

/// Whether an output of the earlier run, or of this one, still belongs to the journal.
bool is_live(const Json& earlier, const Plan& plan, const std::filesystem::path& journal) {
  for (const PlannedOutput& output : plan.outputs)
    if (is_named(names_of(output).claim, journal)) return true;
  for (std::size_t i = 0; earlier.contains(output_key(i, "to")); ++i) {
    const Json& to = earlier[output_key(i, "to")];
    if (to.is_string() && is_named(claim_path(to.get<std::string>()), journal)) return true;
  }
  return false;
}

/// `lines`: of the journal in `path`, which begins with another header.
void refuse_other_run(const Plan& plan, const std::filesystem::path& path, const std::string& header,
                      const std::vector<std::string>& lines) {
  const Json earlier = Json::parse(lines[0]);
  if (is_live(earlier, plan, path))
    throw ConfigError(fmt::format(
        "{} belongs to an interrupted run with other settings (different: {}); repeat that run to finish "
        "it, or add --force to start anew",
        path.string(), differing_keys(earlier, Json::parse(header))));
}

}  // namespace

void check_journal(const Plan& plan) {
  const std::filesystem::path path = journal_path(plan);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return;
  const std::string text = read_text_file(path, std::numeric_limits<std::uint32_t>::max());
  check_ours(path, text);
  const std::string header = line_of(plan_identity(plan));
  const std::vector<std::string> lines = lines_of(text);
  if (!lines.empty() && lines[0] != header) refuse_other_run(plan, path, header, lines);
}

Journal::Journal(const Plan& plan, bool force, std::size_t made_folders)
    : file_(journal_path(plan), journal_path(plan)) {
  const std::string header = line_of(plan_identity(plan)), text = file_.text();
  check_ours(file_.path(), text);
  const std::vector<std::string> lines = lines_of(text);
  std::uint64_t good_bytes = 0;
  if (!lines.empty() && lines[0] == header) {
    good_bytes = header.size() + 1;
    for (std::size_t i = 1; i < lines.size() && read_line(lines[i]); ++i) good_bytes += lines[i].size() + 1;
  } else if (!lines.empty() && !force) {
    refuse_other_run(plan, file_.path(), header, lines);
  }
  // What follows a line that was cut off would be read as part of it.
  file_.keep_bytes(good_bytes);
  if (good_bytes > 0) return;
  file_.append(header);
  made_folders_ = made_folders;
  if (made_folders > 0) file_.append(line_of({{kMadeFolders, made_folders}}));
}

bool Journal::read_line(const std::string& line) {
  try {
    const Json json = Json::parse(line);
    if (json.contains(kMadeFolders)) {
      made_folders_ = json[kMadeFolders].get<std::size_t>();
      return true;
    }
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
