// A file that keeps the state of a run: JSON lines, locked as long as the run is alive.
#pragma once

#include "base/descriptor.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace pq {

/// Opened or created, and locked, by the constructor. Without keep() or remove() the destructor removes it if this object created it. Not
/// synchronised.
class StateFile {
 public:
  /// Throws ConfigError if it cannot be written, or belongs to a process that is alive; `what` is being written then.
  StateFile(std::filesystem::path path, const std::filesystem::path& what);
  ~StateFile();
  StateFile(StateFile&& other) noexcept;
  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  /// There was one before.
  bool existed() const noexcept { return existed_; }
  /// The whole lines of an earlier run.
  std::vector<std::string> lines() const;
  /// Forgets everything from line `count` on.
  void keep_lines(const std::vector<std::string>& lines, std::size_t count);
  /// Adds a line. Throws ResourceError when the disk is full or fails.
  void append(const std::string& line);
  /// Everything appended is on the disk.
  void flush();
  void keep() noexcept { keep_ = true; }
  void remove() noexcept;

 private:
  std::filesystem::path path_;
  Descriptor file_;
  std::uint64_t end_ = 0;
  bool existed_ = false, keep_ = false;
};

}  // namespace pq
