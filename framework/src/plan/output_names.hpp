// The names that a run uses on the disk, and what an interrupted run left under them.
#pragma once

#include "plan/plan.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace pq {

/// Device and inode: what a rename does not change.
using FileId = std::pair<std::uint64_t, std::uint64_t>;
std::optional<FileId> file_id(const std::filesystem::path& path);

/// Names of one output. `partial` is parallel to `final`.
struct OutputNames {
  bool is_folder = false;                      // of files, with one final name
  std::vector<std::filesystem::path> final;    // the output, or the parts of a split file
  std::vector<std::filesystem::path> partial;  // until they are complete
  std::filesystem::path claim;                 // says which run the partial ones belong to
  /// All of them, and the output's own name, which split files do not use.
  std::vector<std::filesystem::path> all;
};
OutputNames names_of(const PlannedOutput& output);

/// The name of the claim beside an output.
std::filesystem::path claim_path(const std::filesystem::path& output);

/// journal.jsonl in plan.work, or a file beside the first output.
std::filesystem::path journal_path(const Plan& plan);

/// What the claim beside an output says: a file of JSON lines, locked while the run is alive.
struct ClaimState {
  bool exists = false;
  std::filesystem::path journal;  // of the run that made it
  /// The partial files that this run began to rename after all were complete: final name -> identity.
  std::map<std::filesystem::path, FileId> sealing;
};
/// Throws ConfigError for something of that name that polyquant did not write: neither empty nor, cut off or not, lines of a claim.
PQ_API ClaimState read_claim(const std::filesystem::path& claim);

/// The file under this final name was finished by the run that the claim speaks of.
bool is_sealed(const ClaimState& claim, const std::filesystem::path& final);

/// `path` without symbolic links, "." and ".."; parts of it need not exist. Throws ConfigError for what the system refuses (too long, a loop).
std::filesystem::path canonical_name(const std::filesystem::path& path);

std::filesystem::path with_suffix(std::filesystem::path path, const char* suffix);

}  // namespace pq
