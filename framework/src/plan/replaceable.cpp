#include "plan/replaceable.hpp"

#include "plan/output_names.hpp"
#include "plan/source_files.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <system_error>

namespace pq {
namespace {

namespace fs = std::filesystem;

/// Files that folders of models have; whatever else lies in a folder is somebody's, and replacing the folder would lose it.
bool is_model_file(const fs::path& path) {
  static const std::set<std::string> kExtensions = {".safetensors", ".json", ".model", ".jinja"};
  static const std::set<std::string> kNames = {"merges.txt", "vocab.txt",      "README.md",
                                               "LICENSE",    ".gitattributes", "additional_chat_templates"};
  return kExtensions.contains(path.extension().string()) || kNames.contains(path.filename().string());
}

}  // namespace

bool is_inside(const fs::path& path, const fs::path& folder) {
  const fs::path relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

ReadNames::ReadNames(const Plan& plan) : model_(canonical_name(plan.model)) {
  for (const fs::path& file : source_files(plan)) files_.push_back(canonical_name(file));
  for (const fs::path& input : plan.inputs) inputs_.push_back(canonical_name(input));
}

void ReadNames::check_apart_from(const fs::path& path) const {
  const fs::path name = canonical_name(path);
  const auto refuse = [&](const char* why) {
    throw ConfigError(fmt::format("{} {}; choose another place for the output", path.string(), why));
  };
  const auto around = [&](const fs::path& read) { return is_inside(read, name); };
  std::error_code ignored;
  const bool in_model = fs::is_directory(model_, ignored) && is_inside(name, model_) &&
                        fs::exists(name, ignored) && !fs::is_directory(name, ignored);
  if (in_model || around(model_) || std::any_of(files_.begin(), files_.end(), around))
    refuse("belongs to the model that is being read");
  if (std::any_of(inputs_.begin(), inputs_.end(), around)) refuse("is read by this run");
}

void check_replaceable(const fs::path& path, bool force) {
  if (!force)
    throw ConfigError(
        fmt::format("{} exists; choose another name or add --force to replace it", path.string()));
}

void check_folder(const fs::path& folder, const PlannedOutput& output) {
  std::set<fs::path> written;
  for (const OutputLayout::File& file : output.layout.files) written.insert(*fs::path(file.name).begin());
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored))
    if (!is_model_file(entry.path()) && !written.contains(entry.path().filename()))
      throw ConfigError(
          fmt::format("{} cannot be replaced: '{}' in it is no file of a model and would be lost; move it "
                      "away or choose another place",
                      folder.string(), entry.path().filename().string()));
}

}  // namespace pq
