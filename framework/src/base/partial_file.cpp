#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>
#include <polyquant/base/text.hpp>

#include "base/descriptor.hpp"
#include "base/file_lock.hpp"
#include "base/final_name.hpp"
#include "base/shortage.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>

namespace pq {
namespace {

namespace fs = std::filesystem;

bool is_full(int error) noexcept { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

[[noreturn]] void throw_uncreatable(const fs::path& path, const std::string& reason) {
  throw ConfigError(fmt::format("{}: cannot be created: {}", path.string(), reason));
}

constexpr std::uint64_t kUnknown = UINT64_MAX;

[[noreturn]] void throw_too_small(const fs::path& path, std::uint64_t size, std::uint64_t free) {
  throw ResourceError(
      fmt::format("{}: needs {} on the disk, but {}; free some space or choose another folder", path.string(),
                  format_bytes(size), free == kUnknown ? "it is full" : format_bytes(free) + " are free"));
}

[[noreturn]] void throw_write_failed(const fs::path& path, int error) {
  throw ResourceError(fmt::format("{}: cannot be written: {}", path.string(), error_text(error)));
}

std::uint64_t free_bytes(int file) noexcept {
  struct ::statvfs status = {};
  // Some, such as ramfs, say that they have no blocks at all. Let the writes find out.
  if (::fstatvfs(file, &status) != 0 || status.f_blocks == 0) return kUnknown;
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

// Only one process may write an output.
void lock(int file, const fs::path& partial) {
  const LockResult result = lock_file(file, partial);
  if (result == LockResult::busy) throw_uncreatable(partial, "another process is writing it");
  // Between open and lock the other process may have finished, so that this file has its final name by now.
  if (result == LockResult::replaced)
    throw_uncreatable(partial, "another process has just written it; try again");
}

// A new file, or with `resume` also one that is there. A file that nobody speaks for may be somebody's.
Descriptor open_partial(const fs::path& partial, std::uint64_t size, bool resume) {
  const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (resume ? 0 : O_EXCL);
  Descriptor file(::open(partial.c_str(), flags, 0666));
  if (file) {
    lock(file.get(), partial);
    return file;
  }
  if (is_full(errno)) throw_too_small(partial, size, 0);
  throw_if_shortage(partial, errno);
  if (errno != EEXIST) throw_uncreatable(partial, error_text(errno));
  const Descriptor other(::open(partial.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (other && lock_file(other.get(), partial) == LockResult::busy)
    throw_uncreatable(partial, "another process is writing it");
  throw_uncreatable(partial,
                    "it exists, and may be somebody's; remove it if a killed program left it, or choose "
                    "another name for the output");
}

// Blocks on the disk, so that a full disk is found before any work. Returns an errno.
int reserve(int file, std::uint64_t size) noexcept {
  if (size == 0) return 0;
  int error = 0;
  do {
    error = ::fallocate(file, 0, 0, static_cast<::off_t>(size)) == 0 ? 0 : errno;
  } while (error == EINTR);
  if (error != EOPNOTSUPP && error != ENOSYS) return error;
  // posix_fallocate would write to every block here; asking for the free space finds the usual case.
  if (free_bytes(file) < size) return ENOSPC;
  return ::ftruncate(file, static_cast<::off_t>(size)) == 0 ? 0 : errno;
}

// Empties the file and reserves its blocks; removes it if that fails.
void create_empty(int file, const fs::path& partial, std::uint64_t size) {
  int error = ::ftruncate(file, 0) == 0 ? 0 : errno;
  const std::uint64_t free = free_bytes(file);
  if (error == 0 && size > static_cast<std::uint64_t>(INT64_MAX)) error = EFBIG;
  if (error == 0) error = reserve(file, size);
  if (error == 0) return;
  ::unlink(partial.c_str());
  if (error == EFBIG && size <= free)
    throw ResourceError(
        fmt::format("{}: needs {}, more than a file may have here; raise the limit (ulimit -f) or choose "
                    "another folder",
                    partial.string(), format_bytes(size)));
  if (is_full(error)) throw_too_small(partial, size, free);
  throw_write_failed(partial, error);
}

// A write that enters a new window starts the one before it on its way to the disk, without waiting, so that little is left to do when
// flush() waits for all. A hint: failures show there.
void start_writeback(int file, std::uint64_t offset, std::uint64_t size) noexcept {
  constexpr std::uint64_t kWindow = 8 << 20;
  const std::uint64_t first = offset / kWindow, last = (offset + size) / kWindow;
  if (first != last)
    ::sync_file_range(file, static_cast<::off_t>(first * kWindow),
                      static_cast<::off_t>((last - first) * kWindow), SYNC_FILE_RANGE_WRITE);
}

// A rename is on the disk only when the folder is. Not all file systems can do this, and none needs it to be correct now.
void sync_folder_of(const fs::path& path) noexcept {
  const fs::path parent = path.parent_path();
  const Descriptor folder(::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder) ::fsync(folder.get());
}

}  // namespace

PartialFile::PartialFile(fs::path path, std::uint64_t size, bool resume)
    : path_(std::move(path)), size_(size), replaces_(is_taken(path_)) {
  const fs::path partial = partial_path();
  std::error_code ignored;
  if (fs::is_directory(path_, ignored)) throw_uncreatable(path_, "a folder has this name");
  Descriptor file = open_partial(partial, size, resume);
  struct ::stat status = {};
  const bool continues =
      resume && ::fstat(file.get(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) == size;
  if (!continues) create_empty(file.get(), partial, size);
  fd_ = file.release();
}

PartialFile::~PartialFile() {
  if (fd_ < 0) return;
  if (!keep_) ::unlink(partial_path().c_str());
  ::close(fd_);
}

fs::path PartialFile::partial_path() const {
  fs::path partial = path_;
  partial += ".partial";
  return partial;
}

void PartialFile::write(std::uint64_t offset, Bytes bytes) {
  PQ_ASSERT(fd_ >= 0 && offset <= size_ && bytes.size() <= size_ - offset,
            "a write stays inside the reserved file");
  const std::uint64_t begin = offset, size = bytes.size();
  while (!bytes.empty()) {
    const ::ssize_t count = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<::off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_write_failed(partial_path(), errno);
    offset += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  start_writeback(fd_, begin, size);
}

void PartialFile::flush() {
  if (::fdatasync(fd_) != 0) throw_write_failed(partial_path(), errno);
}

void PartialFile::seal() {
  PQ_ASSERT(fd_ >= 0, "a file is sealed once");
  flush();
  if (!replaces_)
    rename_new(partial_path(), path_);
  else if (::rename(partial_path().c_str(), path_.c_str()) != 0)
    throw_not_renamed(partial_path(), errno);
  ::close(std::exchange(fd_, -1));
  sync_folder_of(path_);
}

}  // namespace pq
