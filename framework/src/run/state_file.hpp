// A file that keeps the state of a run: JSON lines, locked as long as the run is alive.
#pragma once

#include "base/descriptor.hpp"

#include <polyquant/base/export.hpp>

#include <cstdint>
#include <filesystem>
#include <string>

namespace pq {

/// Opened or created, and locked, by the constructor. Without keep() or remove() the destructor removes it if this object created it. Not
/// synchronised.
class PQ_API StateFile {
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
  /// What an earlier run wrote; its last line may be cut off.
  std::string text() const;
  /// Forgets everything behind the first `bytes`.
  void keep_bytes(std::uint64_t bytes);
  /// Makes this line the only one. The others go when it is written, so that there is a first line at any time.
  void restart(const std::string& line);
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
