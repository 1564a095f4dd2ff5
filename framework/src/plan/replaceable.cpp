#include "plan/replaceable.hpp"

#include "plan/output_names.hpp"
#include "plan/source_files.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

namespace pq {
namespace {

namespace fs = std::filesystem;

bool holds_only_templates(const fs::path& folder) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored))
    if (!entry.is_regular_file(ignored) || entry.path().extension() != ".jinja") return false;
  return true;
}

/// "model" of "model-00001-of-00002".
std::string_view without_part(std::string_view stem) {
  constexpr std::string_view kPattern = "-00000-of-00000";
  if (stem.size() < kPattern.size()) return stem;
  const std::string_view end = stem.substr(stem.size() - kPattern.size());
  const bool is_part = std::equal(end.begin(), end.end(), kPattern.begin(), [](char c, char wanted) {
    return wanted == '0' ? c >= '0' && c <= '9' : c == wanted;
  });
  return is_part ? stem.substr(0, stem.size() - kPattern.size()) : stem;
}

/// Files that folders of models have; whatever else lies in a folder is somebody's, and replacing the folder would lose it.
bool is_model_file(const fs::directory_entry& entry) {
  static const std::set<std::string_view> kNames = {"config.json",
                                                    "generation_config.json",
                                                    "model.safetensors.index.json",
                                                    "tokenizer.json",
                                                    "tokenizer_config.json",
                                                    "tokenizer.model",
                                                    "special_tokens_map.json",
                                                    "added_tokens.json",
                                                    "vocab.json",
                                                    "vocab.txt",
                                                    "merges.txt",
                                                    "spiece.model",
                                                    "sentencepiece.bpe.model",
                                                    "tekken.json",
                                                    "params.json",
                                                    "chat_template.jinja",
                                                    "chat_template.json",
                                                    "preprocessor_config.json",
                                                    "processor_config.json",
                                                    "quantize_config.json",
                                                    "quant_config.json",
                                                    "README.md",
                                                    "LICENSE",
                                                    "LICENSE.txt",
                                                    "NOTICE",
                                                    ".gitattributes"};
  static const std::set<std::string_view> kWeights = {"model", "consolidated", "output"};
  const fs::path path = entry.path();
  const std::string name = path.filename().string(), stem = path.stem().string();
  std::error_code ignored;
  if (entry.is_directory(ignored) && !entry.is_symlink(ignored) && name == "additional_chat_templates")
    return holds_only_templates(path);
  if (!entry.is_regular_file(ignored)) return false;
  return kNames.contains(name) ||
         (path.extension() == ".safetensors" && kWeights.contains(without_part(stem)));
}

/// What has been read of a pipe is nowhere; the one of `<(command)` has no name either.
bool is_pipe(const fs::path& path) {
  std::error_code ignored;
  return fs::is_fifo(path, ignored);
}

}  // namespace

bool is_inside(const fs::path& path, const fs::path& folder) {
  const fs::path relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

ReadNames::ReadNames(const Plan& plan) : ReadNames(plan.model, source_files(plan), plan.inputs) {}

ReadNames::ReadNames(const fs::path& model, const std::vector<fs::path>& files,
                     const std::vector<fs::path>& inputs)
    : model_(canonical_name(model)) {
  for (const fs::path& file : files) files_.push_back(canonical_name(file));
  for (const fs::path& input : inputs)
    if (!is_pipe(input)) inputs_.push_back(canonical_name(input));
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

void check_replaceable(const fs::path& path, bool force, const std::vector<fs::path>& others) {
  constexpr std::size_t kNamed = 4;
  if (force) return;
  if (others.empty())
    throw ConfigError(
        fmt::format("{} exists; choose another name or add --force to replace it", path.string()));
  std::string names;
  for (std::size_t i = 0; i < std::min(others.size(), kNamed); ++i)
    names += (i == 0 ? "" : ", ") + others[i].string();
  if (others.size() > kNamed) names += fmt::format(" and {} more", others.size() - kNamed);
  throw ConfigError(fmt::format("{} exists, {} too; choose other names or add --force to replace them",
                                path.string(), names));
}

fs::path existing_folder(const fs::path& path) {
  std::error_code ignored;
  fs::path folder = fs::absolute(path, ignored).parent_path();
  while (!fs::exists(folder, ignored) && folder != folder.root_path()) folder = folder.parent_path();
  return folder;
}

void check_creatable(const fs::path& path) {
  std::error_code ignored;
  const fs::path folder = existing_folder(path);
  if (!fs::is_directory(folder, ignored))
    throw ConfigError(fmt::format("{} cannot be created: {} is no folder", path.string(), folder.string()));
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    throw ConfigError(fmt::format("{} cannot be created: there is no permission to write in {}",
                                  path.string(), folder.string()));
}

void refuse_link(const fs::path& path) {
  std::error_code failed;
  if (!fs::is_symlink(path, failed)) return;
  const fs::path target = fs::weakly_canonical(path.parent_path() / fs::read_symlink(path, failed), failed);
  throw ConfigError(fmt::format("{} is a symbolic link; name the place that it points to ({}) or another one",
                                path.string(), target.string()));
}

void check_new_file(const fs::path& path, const ReadNames& read, bool force) {
  check_creatable(path);
  refuse_link(path);
  read.check_apart_from(path);
  const fs::path partial = with_suffix(path, ".partial");
  if (file_id(partial))
    throw ConfigError(fmt::format("{} exists; move it away or choose another name for {}", partial.string(),
                                  path.filename().string()));
  if (!file_id(path)) return;
  std::error_code ignored;
  if (fs::is_directory(path, ignored))
    throw ConfigError(
        fmt::format("{} is a folder, but a file is written; choose another name", path.string()));
  check_replaceable(path, force);
}

void make_parent_folder(const fs::path& path, std::string_view cure) {
  std::error_code failed;
  const fs::path folder = fs::absolute(path, failed).parent_path();
  if (!failed) fs::create_directories(folder, failed);
  if (failed)
    throw ConfigError(
        fmt::format("the folder {} cannot be made: {}; {}", folder.string(), failed.message(), cure));
}

void check_folder(const fs::path& folder, const PlannedOutput& output) {
  std::set<fs::path> written;
  for (const OutputLayout::File& file : output.layout.files) written.insert(*fs::path(file.name).begin());
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored))
    if (!is_model_file(entry) && !written.contains(entry.path().filename()))
      throw ConfigError(
          fmt::format("{} cannot be replaced: '{}' in it is no file of a model and would be lost; move it "
                      "away or choose another place",
                      folder.string(), entry.path().filename().string()));
}

}  // namespace pq
