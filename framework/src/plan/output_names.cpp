#include "plan/output_names.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>
#include <sys/stat.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

namespace pq {

namespace fs = std::filesystem;
using Json = nlohmann::json;

fs::path with_suffix(fs::path path, const char* suffix) {
  path += suffix;
  return path;
}

std::optional<FileId> file_id(const fs::path& path) {
  struct ::stat status = {};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return FileId(status.st_dev, status.st_ino);
}

namespace {
// "out/" and "out" are the same folder.
fs::path without_slash(const fs::path& path) { return path.has_filename() ? path : path.parent_path(); }
}  // namespace

fs::path claim_path(const fs::path& output) { return with_suffix(without_slash(output), ".partial.claim"); }

OutputNames names_of(const PlannedOutput& output) {
  OutputNames names;
  const fs::path to = without_slash(output.to);
  const auto& files = output.layout.files;
  const bool is_one_file = files.size() == 1 && fs::path(files.front().name) == to.filename();
  names.is_folder = output.format->info().is_folder && !is_one_file;
  if (names.is_folder || files.empty())
    names.final = {to};
  else
    for (const OutputLayout::File& file : files) names.final.push_back(to.parent_path() / file.name);
  for (const fs::path& path : names.final) names.partial.push_back(with_suffix(path, ".partial"));
  names.claim = claim_path(to);
  names.all = names.final;
  names.all.insert(names.all.end(), names.partial.begin(), names.partial.end());
  names.all.push_back(names.claim);
  if (names.final.front() != to) names.all.push_back(to);
  return names;
}

fs::path journal_path(const Plan& plan) {
  if (!plan.work.empty()) return plan.work / "journal.jsonl";
  return with_suffix(without_slash(plan.outputs.front().to), ".partial.journal");
}

namespace {

/// The first line may have been cut off by a kill.
bool is_claim(const fs::path& claim) {
  constexpr std::string_view kBegin = R"({"journal":")";
  std::error_code failed;
  if (!fs::is_regular_file(fs::symlink_status(claim, failed))) return false;
  std::ifstream file(claim, std::ios::binary);
  std::string begin(kBegin.size(), '\0');
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  begin.resize(static_cast<std::size_t>(file.gcount()));
  return !file.bad() && kBegin.starts_with(begin);
}

}  // namespace

ClaimState read_claim(const fs::path& claim) {
  ClaimState state;
  if (!file_id(claim)) return state;
  if (!is_claim(claim))
    throw ConfigError(fmt::format(
        "{} exists, and is no claim of polyquant; move it away or choose another name for the output",
        claim.string()));
  std::ifstream file(claim);
  state.exists = true;
  // A line that was cut off, by a kill or a full disk, was not acted upon.
  for (std::string line; std::getline(file, line);) {
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object()) break;
    if (json.contains("journal") && json["journal"].is_string())
      state.journal = json["journal"].get<std::string>();
    if (!json.contains("sealing") || !json["sealing"].is_array()) continue;
    for (const Json& entry : json["sealing"])
      if (entry.is_array() && entry.size() == 3 && entry[0].is_string() && entry[1].is_number_unsigned() &&
          entry[2].is_number_unsigned())
        state.sealing[claim.parent_path() / entry[0].get<std::string>()] = {entry[1].get<std::uint64_t>(),
                                                                            entry[2].get<std::uint64_t>()};
  }
  return state;
}

bool is_sealed(const ClaimState& claim, const fs::path& final) {
  const auto found = claim.sealing.find(final);
  return found != claim.sealing.end() && file_id(final) == found->second;
}

fs::path canonical_name(const fs::path& path) {
  std::error_code failed;
  fs::path result = fs::weakly_canonical(path, failed);
  if (failed) throw ConfigError(fmt::format("{}: {}; choose another name", path.string(), failed.message()));
  return result;
}

}  // namespace pq
