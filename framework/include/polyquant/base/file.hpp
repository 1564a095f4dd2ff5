// Files as formats need them: mapped input, and output that gets its final name only when it is complete.
#pragma once

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/export.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace pq {

/// A file mapped for reading. Callable from any thread. A file that shrinks while it is mapped ends the program with SIGBUS, as with any
/// mapping; inputs must not be changed during a run.
class PQ_API MappedFile {
 public:
  /// Throws FormatError "PATH: cannot be opened: REASON" (missing, no permission, a folder).
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  std::uint64_t size() const noexcept { return size_; }
  Bytes bytes() const noexcept { return {data_, static_cast<std::size_t>(size_)}; }
  /// Bytes [offset, offset + count); the caller has checked the range.
  Bytes bytes(std::uint64_t offset, std::uint64_t count) const noexcept {
    return bytes().subspan(offset, count);
  }
  /// A hint that the range is not needed soon, so that it need not count as memory of the program. Works in windows of some MiB: one is given
  /// back when a range reaches its end; whoever still needs a part of it reads it again.
  void release(std::uint64_t offset, std::uint64_t count) const noexcept;

 private:
  std::filesystem::path path_;
  std::uint64_t size_ = 0;
  const std::byte* data_ = nullptr;
};

/// An output file: written as PATH.partial, renamed to PATH by seal(). Without seal() the destructor removes the partial file unless
/// keep() was called. write() is callable from any thread on disjoint ranges.
class PQ_API PartialFile {
 public:
  /// Creates PATH.partial with `size` bytes reserved on the disk. Throws ResourceError if the disk is too small (nothing is left behind),
  /// ConfigError if the folder cannot be written. With `resume` an existing partial file of that size is opened instead.
  PartialFile(std::filesystem::path path, std::uint64_t size, bool resume = false);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path partial_path() const;
  std::uint64_t size() const noexcept { return size_; }
  /// Throws ResourceError when the disk is full or fails.
  void write(std::uint64_t offset, Bytes bytes);
  /// Everything written so far is on the disk when this returns.
  void flush();
  /// Keeps the partial file when this object dies (for resume).
  void keep() noexcept { keep_ = true; }
  /// Flushes, closes and renames to the final name. A file of that name is replaced by the same rename if it was there when this object was
  /// made; one that has appeared since is somebody's, stays, and is a ResourceError.
  void seal();

 private:
  std::filesystem::path path_;
  std::uint64_t size_ = 0;
  int fd_ = -1;
  bool keep_ = false;
  bool replaces_ = false;
};

/// An output folder: filled as PATH.partial/, renamed to PATH by seal(). A folder PATH that was there when this object was made is exchanged in
/// one step and then removed; what has appeared since stays, and seal() throws ResourceError.
class PQ_API PartialFolder {
 public:
  explicit PartialFolder(std::filesystem::path path, bool resume = false);
  ~PartialFolder();
  PartialFolder(const PartialFolder&) = delete;
  PartialFolder& operator=(const PartialFolder&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path partial_path() const;
  void keep() noexcept { keep_ = true; }
  void seal();

 private:
  std::filesystem::path path_;
  bool keep_ = false;
  bool sealed_ = false;
  bool replaces_ = false;
};

/// The whole of a small file (at most `limit` bytes). Throws FormatError if it is missing, unreadable or larger.
PQ_API std::string read_text_file(const std::filesystem::path& path, std::uint64_t limit);

}  // namespace pq
