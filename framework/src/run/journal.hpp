// What an interrupted run had finished, so that the same command continues and gives the same bytes.
#pragma once

#include "run/chunk.hpp"
#include "run/state_file.hpp"

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace pq {

/// A file of JSON lines: first what was planned, then one line per finished chunk with the hash of its bytes. The hashes are checked when
/// a run continues, so neither a lost write nor a changed partial file can do harm. record() is callable from any thread.
class PQ_API Journal {
 public:
  /// Reads an earlier journal of the same plan, or starts one. A journal of another plan throws ConfigError naming what differs, unless
  /// `force`: then it is replaced; so is one that no claim beside an output names any more, which a run left that was killed at its very end. A
  /// journal that another process writes, and a file that is no journal of polyquant, throw ConfigError. Lines from the first damaged one on
  /// are forgotten. `made_folders`: see below, for a new journal.
  Journal(const Plan& plan, bool force, std::size_t made_folders);

  /// The folder of the journal and those above it that were made for it, by whichever run began it.
  std::size_t made_folders() const noexcept { return made_folders_; }
  bool resumes() const noexcept { return !finished_.empty(); }
  /// The recorded results of a chunk, one per target of its task, or nullptr.
  const std::vector<ChunkResult>* find(std::size_t task, std::int64_t chunk) const;
  /// Throws ResourceError when the disk is full.
  void record(std::size_t task, std::int64_t chunk, const std::vector<ChunkResult>& results);
  /// Keeps the file when this object dies.
  void keep() noexcept { file_.keep(); }
  /// The run is complete: removes the file.
  void remove() noexcept { file_.remove(); }

 private:
  bool read_line(const std::string& line);

  StateFile file_;
  std::size_t made_folders_ = 0;
  std::map<std::pair<std::size_t, std::int64_t>, std::vector<ChunkResult>> finished_;
  std::mutex mutex_;
};

/// Throws the ConfigError that a Journal would throw without `force`, and changes nothing.
PQ_API void check_journal(const Plan& plan);

}  // namespace pq
