#include "config/place.hpp"
#include "plan/plan.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <fmt/format.h>

#include <map>
#include <set>
#include <system_error>

namespace pq {
namespace {

namespace fs = std::filesystem;

/// The nearest folder above `path` that exists.
fs::path existing_folder(const fs::path& path) {
  std::error_code ignored;
  fs::path folder = fs::absolute(path).parent_path();
  while (!fs::exists(folder, ignored) && folder != folder.root_path()) folder = folder.parent_path();
  return folder;
}

/// The files that will have final names: the output itself, or the shards of a split one.
std::vector<fs::path> final_paths(const PlannedOutput& output) {
  if (output.format->info().is_folder && output.layout.files.size() != 1) return {output.to};
  std::vector<fs::path> paths = {output.to};
  if (!output.format->info().is_folder)
    for (const OutputLayout::File& file : output.layout.files)
      paths.push_back(output.to.parent_path() / file.name);
  return paths;
}

bool is_inside(const fs::path& path, const fs::path& folder) {
  const fs::path relative = fs::weakly_canonical(path).lexically_relative(fs::weakly_canonical(folder));
  return !relative.empty() && *relative.begin() != "..";
}

/// Whether replacing `path` (which exists) would destroy the model, a file of it, or a folder around it.
bool endangers(const fs::path& path, const fs::path& model) {
  return is_inside(model, path) ||
         (fs::is_directory(model) && !fs::is_directory(path) && is_inside(path, model));
}

/// Files that folders of models have; whatever else lies in a folder is somebody's, and replacing the folder would lose it.
bool is_model_file(const fs::path& path) {
  static const std::set<std::string> kExtensions = {".safetensors", ".json", ".model", ".jinja"};
  static const std::set<std::string> kNames = {"merges.txt", "vocab.txt",      "README.md",
                                               "LICENSE",    ".gitattributes", "additional_chat_templates"};
  return kExtensions.contains(path.extension().string()) || kNames.contains(path.filename().string());
}

void check_folder(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (!is_model_file(entry.path()))
      throw ConfigError(
          fmt::format("{} cannot be replaced: '{}' in it is no file of a model and would be lost; move it "
                      "away or choose another place",
                      folder.string(), entry.path().filename().string()));
}

/// Throws unless something at `path` may be replaced.
void check_replaceable(const Plan& plan, const fs::path& path, bool force) {
  if (endangers(path, plan.model))
    throw ConfigError(fmt::format(
        "{} belongs to the model that is being read; choose another place for the output", path.string()));
  for (const fs::path& input : plan.inputs)
    if (endangers(path, input))
      throw ConfigError(
          fmt::format("{} is read by this run; choose another place for the output", path.string()));
  if (!force)
    throw ConfigError(
        fmt::format("{} exists; choose another name or add --force to replace it", path.string()));
}

/// A rename would replace the link and leave alone what it points to, which is hardly ever meant.
void refuse_link(const fs::path& path) {
  std::error_code failed;
  if (!fs::is_symlink(path, failed)) return;
  const fs::path target = fs::weakly_canonical(path.parent_path() / fs::read_symlink(path, failed));
  throw ConfigError(fmt::format("{} is a symbolic link; name the place that it points to ({}) or another one",
                                path.string(), target.string()));
}

void check_target(const Plan& plan, const PlannedOutput& output, bool force) {
  std::error_code ignored;
  for (const fs::path& path : final_paths(output)) {
    refuse_link(path);
    if (!fs::exists(path, ignored)) continue;
    check_replaceable(plan, path, force);
    if (fs::is_directory(path, ignored) && !output.format->info().is_folder)
      throw ConfigError(fmt::format("{} is a folder, but format '{}' writes a file; choose another name",
                                    path.string(), output.format->info().id));
    if (fs::is_directory(path, ignored)) check_folder(path);
  }
}

void check_report(const Plan& plan, bool force) {
  std::error_code ignored;
  if (plan.report.empty() || !fs::exists(plan.report, ignored)) return;
  at_place(plan.report_mark, [&] { check_replaceable(plan, plan.report, force); });
}

/// An output below another one's folder would be lost when that folder gets its final name.
void check_apart(const Plan& plan) {
  for (const PlannedOutput& outer : plan.outputs)
    for (const PlannedOutput& inner : plan.outputs)
      if (&outer != &inner && is_inside(inner.to, outer.to))
        throw ConfigError(
            fmt::format("{}{} lies in {}, which is an output of its own; give each its own place",
                        place_prefix(inner.to_mark), inner.to.string(), outer.to.string()));
}

void check_space(const Plan& plan) {
  struct Need {
    std::uint64_t bytes = 0;
    Mark mark;  // of the last output there
  };
  std::map<fs::path, Need> needs;
  for (const PlannedOutput& output : plan.outputs) {
    Need& need = needs[existing_folder(output.to)];
    need.bytes += output.layout.total_bytes();
    need.mark = output.to_mark;
  }
  for (const auto& [folder, need] : needs) {
    std::error_code failed;
    const fs::space_info space = fs::space(folder, failed);
    if (!failed && space.available < need.bytes)
      throw ResourceError(fmt::format(
          "{}{} has {} free, the outputs need {}; free some space or choose another place",
          place_prefix(need.mark), folder.string(), format_bytes(space.available), format_bytes(need.bytes)));
  }
}

}  // namespace

void check_outputs(const Plan& plan, bool force) {
  std::set<fs::path> seen;
  for (const PlannedOutput& output : plan.outputs) {
    at_place(output.to_mark, [&] {
      if (!seen.insert(fs::weakly_canonical(output.to)).second)
        throw ConfigError(
            fmt::format("two outputs are written to {}; give each its own place", output.to.string()));
      check_target(plan, output, force);
    });
  }
  check_apart(plan);
  check_report(plan, force);
  check_space(plan);
}

}  // namespace pq
