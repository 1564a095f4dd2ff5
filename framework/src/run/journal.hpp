// What an interrupted run had finished, so that the same command continues and gives the same bytes.
#pragma once

#include "run/chunk.hpp"

#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace pq {

/// A file of JSON lines: first what was planned, then one line per finished chunk with the hash of its bytes. The hashes are checked when
/// a run continues, so neither a lost write nor a changed partial file can do harm. record() is callable from any thread.
class Journal {
 public:
  /// journal.jsonl in plan.work, or a file beside the first output.
  static std::filesystem::path path_for(const Plan& plan);

  /// Reads an earlier journal of the same plan, or starts one. A journal of another plan throws ConfigError naming what differs, and so do
  /// partial outputs without any journal, which may be somebody's; unless `force`: then all are replaced. A last line that was cut off is
  /// ignored.
  Journal(std::filesystem::path path, const Plan& plan, bool force);

  bool resumes() const noexcept { return !finished_.empty(); }
  /// The recorded results of a chunk, one per target of its task, or nullptr.
  const std::vector<ChunkResult>* find(std::size_t task, std::int64_t chunk) const;
  void record(std::size_t task, std::int64_t chunk, const std::vector<ChunkResult>& results);
  /// The run is complete: removes the file, and the folder that was made for it.
  void remove() noexcept;

 private:
  void read(const std::string& header, bool force);

  std::filesystem::path path_;
  std::vector<std::filesystem::path> made_folders_;  // from the innermost to the outermost
  std::map<std::pair<std::size_t, std::int64_t>, std::vector<ChunkResult>> finished_;
  std::ofstream file_;
  std::mutex mutex_;
};

}  // namespace pq
