#include "run/run_state.hpp"

#include "config/place.hpp"
#include "plan/replaceable.hpp"
#include "run/failure.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <system_error>

namespace pq {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

/// As it reads back from JSON, where a path that is no UTF-8 changes.
std::string text_of(const fs::path& path) {
  std::error_code ignored;
  const std::string line =
      Json(fs::absolute(path, ignored).string()).dump(-1, ' ', false, Json::error_handler_t::replace);
  return Json::parse(line).get<std::string>();
}

/// `folder` and those above it that do not exist.
std::vector<fs::path> missing_folders(fs::path folder) {
  std::vector<fs::path> missing;
  std::error_code ignored;
  for (; !folder.empty() && !fs::exists(folder, ignored) && folder.has_relative_path();
       folder = folder.parent_path())
    missing.push_back(folder);
  return missing;
}

void remove_partial(const OutputNames& names) noexcept {
  std::error_code ignored;
  for (const fs::path& path : names.partial) fs::remove_all(path, ignored);
}

/// Takes final names back that the run was killed in the middle of giving.
void rename_back(const OutputNames& names, const ClaimState& claim) {
  std::error_code ignored;
  for (std::size_t i = 0; i < names.final.size(); ++i)
    if (is_sealed(claim, names.final[i]) && !file_id(names.partial[i]))
      fs::rename(names.final[i], names.partial[i], ignored);
}

}  // namespace

std::vector<RunState::Claim> RunState::take_outputs(const Plan& plan) {
  std::vector<Claim> claims;
  for (const PlannedOutput& output : plan.outputs) {
    make_parent_folder(output.to, "choose another place for the output");
    const OutputNames names = names_of(output);
    StateFile file(names.claim, output.to);
    ClaimState earlier = file.existed() ? read_claim(names.claim) : ClaimState();
    claims.push_back({names, std::move(file), std::move(earlier)});
  }
  if (!plan.work.empty())
    at_place(plan.work_mark, [&] {
      make_parent_folder(journal_path(plan), is_worth_naming(plan.work_mark)
                                                 ? "choose another folder for `work`"
                                                 : "choose another folder for --work");
    });
  return claims;
}

RunState::RunState(const Plan& plan, bool force)
    : plan_(plan),
      force_(force),
      made_folders_(missing_folders(plan.work)),
      claims_(take_outputs(plan)),
      journal_(plan, force, made_folders_.size()) {
  made_folders_.clear();
  for (fs::path folder = plan.work;
       made_folders_.size() < journal_.made_folders() && folder.has_relative_path();
       folder = folder.parent_path())
    made_folders_.push_back(folder);
  check_final_names(plan, force);  // once more: now they are taken
}

void RunState::begin(Claim& claim) {
  claim.file.restart(Json({{"journal", text_of(journal_path(plan_))}}).dump());
}

void RunState::remove_side_files(const PlannedOutput& output, const OutputNames& names) const {
  std::set<fs::path> weights;
  for (const OutputLayout::Place& place : output.layout.tensors) {
    const fs::path name = output.layout.files[place.file].name;
    weights.insert(name);
    weights.insert(with_suffix(name, ".partial"));
  }
  std::error_code ignored;
  std::vector<fs::path> others;
  for (const fs::directory_entry& entry : fs::directory_iterator(names.partial.front(), ignored))
    if (!weights.contains(entry.path().filename())) others.push_back(entry.path());
  for (const fs::path& path : others) fs::remove_all(path, ignored);
}

Start RunState::prepare(std::size_t output) {
  Claim& claim = claims_[output];
  const bool ours = claim.earlier.exists && claim.earlier.journal == text_of(journal_path(plan_));
  if (!ours || !journal_.resumes()) {
    if (claim.earlier.exists) remove_partial(claim.names);
    begin(claim);
    return Start::anew;
  }
  const auto sealed = [&](const fs::path& path) { return is_sealed(claim.earlier, path); };
  if (std::all_of(claim.names.final.begin(), claim.names.final.end(), sealed)) {
    remove_partial(claim.names);  // the folder that was replaced
    return Start::sealed;
  }
  rename_back(claim.names, claim.earlier);
  begin(claim);
  if (claim.names.is_folder) remove_side_files(plan_.outputs[output], claim.names);
  return Start::resume;
}

void RunState::record_sealing() {
  try {
    check_final_names(plan_, force_);
  } catch (const Error& error) {
    throw ResourceError(full_message(error) + "; it was not there when the run began");
  }
  for (Claim& claim : claims_) {
    Json files = Json::array();
    for (std::size_t i = 0; i < claim.names.final.size(); ++i)
      if (const auto id = file_id(claim.names.partial[i]))
        files.push_back({claim.names.final[i].filename().string(), id->first, id->second});
    if (files.empty()) continue;  // has its name already
    claim.file.append(Json({{"sealing", files}}).dump(-1, ' ', false, Json::error_handler_t::replace));
    claim.file.flush();
  }
}

void RunState::keep() noexcept {
  journal_.keep();
  for (Claim& claim : claims_) claim.file.keep();
}

void RunState::remove() noexcept {
  // The claims first: without a claim nothing under a partial name is ever taken for ours.
  for (Claim& claim : claims_) claim.file.remove();
  journal_.remove();
  std::error_code ignored;
  for (const fs::path& folder : made_folders_) fs::remove(folder, ignored);  // only if it is empty
}

void RunState::discard() noexcept {
  // What this run began is removed by its writers; a partial file that had no claim is somebody else's.
  for (const Claim& claim : claims_)
    if (claim.earlier.exists) remove_partial(claim.names);
  remove();
}

}  // namespace pq
