// Locks on files that one process at a time may write. They end with the process, however it ends.
#pragma once

#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

namespace pq {

enum class LockResult { locked, busy, replaced };

/// Locks an open file that was opened under the name `path`. busy: another process (or another descriptor of this one) has it. replaced: the
/// name means another file by now, or none. Systems without locks do without.
inline LockResult lock_file(int file, const std::filesystem::path& path) noexcept {
  if (::flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return LockResult::busy;
  struct ::stat opened = {}, named = {};
  const bool same = ::fstat(file, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
                    opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
  return same ? LockResult::locked : LockResult::replaced;
}

}  // namespace pq
