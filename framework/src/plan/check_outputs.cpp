#include "config/place.hpp"
#include "plan/calibration.hpp"
#include "plan/output_names.hpp"
#include "plan/plan.hpp"
#include "plan/replaceable.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <system_error>

namespace pq {
namespace {

namespace fs = std::filesystem;

/// What lies under the partial names must be what an interrupted run left there.
void check_partial(const Plan& plan, const PlannedOutput& output, const OutputNames& names,
                   const ClaimState& claim, bool force) {
  for (const fs::path& path : names.partial)
    if (file_id(path) && !claim.exists)
      throw ConfigError(fmt::format(
          "{} exists, and no interrupted run of polyquant left it; move it away or choose another name",
          path.string()));
  std::error_code ignored;
  const bool is_other = !claim.journal.empty() && fs::exists(claim.journal, ignored) &&
                        !fs::equivalent(claim.journal, journal_path(plan), ignored);
  if (is_other && !force)
    throw ConfigError(
        fmt::format("{} belongs to an interrupted run with other settings (its state is {}); "
                    "repeat that run to finish it, or add --force to start anew",
                    output.to.string(), claim.journal.string()));
}

/// The names that something has which is not of this output's own interrupted run.
std::vector<fs::path> taken_names(const PlannedOutput& output, const OutputNames& names,
                                  const ClaimState& claim) {
  std::vector<fs::path> taken;
  std::vector<fs::path> replaced = names.final;
  if (names.all.back() != names.claim) replaced.push_back(output.to);  // no part of a split file has it
  for (const fs::path& path : replaced)
    if (file_id(path) && !is_sealed(claim, path)) taken.push_back(path);
  return taken;
}

/// Likewise of all outputs and the report, but `first`: said at once, so that nobody has to find them one by one. Their claims can be read:
/// check_target() has said so.
std::vector<fs::path> other_taken_names(const Plan& plan, const fs::path& first) {
  std::vector<fs::path> taken;
  for (const PlannedOutput& output : plan.outputs) {
    const OutputNames names = names_of(output);
    for (const fs::path& path : taken_names(output, names, read_claim(names.claim)))
      if (path != first) taken.push_back(path);
  }
  if (!plan.report.empty() && file_id(plan.report)) taken.push_back(plan.report);
  return taken;
}

/// Folders in the way that --force does not replace either.
void check_folders_of(const PlannedOutput& output, const OutputNames& names, const ClaimState& claim) {
  refuse_link(output.to);
  std::error_code ignored;
  for (const fs::path& path : taken_names(output, names, claim)) {
    if (!fs::is_directory(path, ignored)) continue;
    if (!names.is_folder)
      throw ConfigError(fmt::format("{} is a folder, but format '{}' writes a file; choose another name",
                                    path.string(), output.format->info().id));
    check_folder(path, output);
  }
}

/// After all other checks of all outputs, which --force does not pass over: it is advised only where it helps.
void check_all_replaceable(const Plan& plan, bool force) {
  if (force) return;
  for (const PlannedOutput& output : plan.outputs)
    at_place(output.to_mark, [&] {
      const OutputNames names = names_of(output);
      for (const fs::path& path : taken_names(output, names, read_claim(names.claim)))
        check_replaceable(path, force, other_taken_names(plan, path));
    });
}

void check_target(const Plan& plan, const ReadNames& read, const PlannedOutput& output, bool force) {
  const OutputNames names = names_of(output);
  const ClaimState claim = read_claim(names.claim);
  check_creatable(output.to);
  refuse_link(output.to);
  for (const fs::path& name : names.all) read.check_apart_from(name);
  check_folders_of(output, names, claim);
  check_partial(plan, output, names, claim, force);
}

/// Where the pipeline names the last output or report of that path.
Mark mark_of(const Plan& plan, const fs::path& user) {
  Mark mark = user == plan.report ? plan.report_mark : Mark();
  for (const PlannedOutput& output : plan.outputs)
    if (output.to == user) mark = output.to_mark;
  return mark;
}

/// Every name that the run uses, without symbolic links, and what uses it.
std::map<fs::path, fs::path> check_distinct(const Plan& plan) {
  std::map<fs::path, fs::path> users;
  const auto add = [&](const fs::path& name, const fs::path& user) {
    const auto [found, is_new] = users.try_emplace(canonical_name(name), user);
    if (is_new) return;
    if (found->second == user)
      throw ConfigError(fmt::format("{}two outputs are written to {}; give each its own place",
                                    place_prefix(mark_of(plan, user)), user.string()));
    throw ConfigError(fmt::format("{}{} and {} would both write {}; give each its own place",
                                  place_prefix(mark_of(plan, user)), found->second.string(), user.string(),
                                  name.string()));
  };
  for (const PlannedOutput& output : plan.outputs)
    for (const fs::path& name : names_of(output).all) add(name, output.to);
  add(journal_path(plan), journal_path(plan));
  if (plan.report.empty()) return users;
  add(plan.report, plan.report);
  add(with_suffix(plan.report, ".partial"), plan.report);
  return users;
}

/// What lies in the folder of an output would be lost when that folder gets its final name; and a file is no folder.
void check_apart(const Plan& plan) {
  const std::map<fs::path, fs::path> users = check_distinct(plan);
  for (const PlannedOutput& output : plan.outputs) {
    std::vector<fs::path> places = {output.to};
    if (const OutputNames names = names_of(output); names.is_folder)
      places = {names.final.front(), names.partial.front()};
    for (const fs::path& folder : places)
      for (const auto& [name, user] : users)
        if (user != output.to && is_inside(name, canonical_name(folder)))
          throw ConfigError(
              fmt::format("{}{} lies in {}, which is an output of its own; give each its own place",
                          place_prefix(mark_of(plan, user)), user.string(), output.to.string()));
  }
}

/// Bytes on the disk that an interrupted run holds for this output already.
std::uint64_t held_bytes(const PlannedOutput& output) {
  const OutputNames names = names_of(output);
  const ClaimState claim = read_claim(names.claim);
  if (!claim.exists) return 0;
  std::uint64_t bytes = 0;
  const auto add = [&](const fs::path& path) {
    struct ::stat status = {};
    if (::lstat(path.c_str(), &status) == 0) bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
  };
  std::error_code ignored;
  for (const fs::path& path : names.partial) {
    if (!names.is_folder) add(path);
    if (names.is_folder)
      for (const fs::directory_entry& entry : fs::directory_iterator(path, ignored)) add(entry.path());
  }
  for (const fs::path& path : names.final)
    if (is_sealed(claim, path)) return output.layout.total_bytes();
  return bytes;
}

/// /proc and its like: a file system whose files are the kernel's.
bool is_of_kernel(const fs::path& folder) {
  constexpr std::int64_t kTypes[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC,   CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
                                     SECURITYFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,      DEVPTS_SUPER_MAGIC};
  struct ::statfs system = {};
  return ::statfs(folder.c_str(), &system) == 0 &&
         std::find(std::begin(kTypes), std::end(kTypes), system.f_type) != std::end(kTypes);
}

void check_space(const Plan& plan) {
  struct Need {
    fs::path where;
    std::uint64_t bytes = 0;
    Mark mark;  // of the last output there
    bool has_activations = false;
  };
  std::map<std::uint64_t, Need> needs;  // by file system
  for (const PlannedOutput& output : plan.outputs) {
    const fs::path folder = existing_folder(output.to);
    const auto id = file_id(folder);
    Need& need = needs[id ? id->first : 0];
    if (need.where.empty()) need.where = folder;
    need.mark = output.to_mark;
    const std::uint64_t total = output.layout.total_bytes();
    need.bytes += total - std::min(total, held_bytes(output));
  }
  if (plan.calibration != nullptr && plan.calibration->hidden_in_file) {
    const fs::path folder = existing_folder(plan.calibration->scratch / "activations");
    const auto id = file_id(folder);
    Need& need = needs[id ? id->first : 0];
    if (need.where.empty()) need.where = folder;
    need.bytes += static_cast<std::uint64_t>(plan.calibration->hidden_bytes);
    need.has_activations = true;
  }
  for (const auto& [device, need] : needs) {
    std::error_code failed;
    const fs::space_info space = fs::space(need.where, failed);
    if (is_of_kernel(need.where))
      throw ConfigError(
          fmt::format("{}{} is no place for files: its file system cannot hold any; choose another place",
                      place_prefix(need.mark), need.where.string()));
    // Without any capacity (ramfs, some FUSE) it does not say how much there is.
    if (!failed && space.capacity > 0 && space.available < need.bytes)
      throw ResourceError(fmt::format(
          "{}{} has {} free, the outputs {}need {}; free some space or choose another place",
          place_prefix(need.mark), need.where.string(), format_bytes(space.available),
          need.has_activations ? "and the activations between the layers " : "", format_bytes(need.bytes)));
  }
}

}  // namespace

void check_final_names(const Plan& plan, bool force) {
  for (const PlannedOutput& output : plan.outputs)
    at_place(output.to_mark, [&] {
      const OutputNames names = names_of(output);
      check_folders_of(output, names, read_claim(names.claim));
    });
  check_all_replaceable(plan, force);
}

void check_outputs(const Plan& plan, bool force) {
  check_apart(plan);
  const ReadNames read(plan);
  for (const PlannedOutput& output : plan.outputs)
    at_place(output.to_mark, [&] { check_target(plan, read, output, force); });
  const auto check_report = [&](bool replaces) {
    if (!plan.report.empty())
      at_place(plan.report_mark, [&] { check_new_file(plan.report, read, replaces); });
  };
  check_report(true);
  check_all_replaceable(plan, force);
  check_report(force);
  check_space(plan);
}

}  // namespace pq
