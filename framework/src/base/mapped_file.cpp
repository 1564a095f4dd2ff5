#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>
#include <polyquant/base/log.hpp>

#include "base/descriptor.hpp"
#include "base/git_lfs.hpp"
#include "base/interrupt.hpp"
#include "base/shortage.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

namespace pq {
namespace {

[[noreturn]] void throw_unreadable(const std::filesystem::path& path, const std::string& reason) {
  throw FormatError(fmt::format("{}: cannot be opened: {}", path.string(), reason));
}

[[noreturn]] void throw_not_opened(const std::filesystem::path& path, int error) {
  throw_if_shortage(path, error);
  throw_unreadable(path, error_text(error));
}

// Opening a pipe without a writer must not wait, so it is opened without blocking; a folder can be opened, but is no file.
Descriptor open_for_reading(const std::filesystem::path& path, struct ::stat& status) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) throw_not_opened(path, errno);
  if (::fstat(file.get(), &status) != 0) throw_not_opened(path, errno);
  if (S_ISDIR(status.st_mode)) throw_unreadable(path, "it is a folder");
  // From here on a pipe may block: it is read to its end.
  if (::fcntl(file.get(), F_SETFL, 0) != 0) throw_not_opened(path, errno);
  return file;
}

/// A pipe with a name, as mkfifo makes it; one of `<(command)` had its writer when it was made.
bool is_named_pipe(int file, const struct ::stat& status) noexcept {
  constexpr long kNamelessPipes = 0x50495045;  // PIPEFS_MAGIC, linux/magic.h
  struct ::statfs system = {};
  return S_ISFIFO(status.st_mode) && ::fstatfs(file, &system) == 0 &&
         static_cast<long>(system.f_type) != kNamelessPipes;
}

/// Until a writer has opened the pipe, reading would find its end.
void wait_for_writer(int file, const std::filesystem::path& path) {
  constexpr int kMilliseconds = 100;
  struct ::pollfd pipe = {file, POLLIN, 0};
  for (bool said = false; ::poll(&pipe, 1, kMilliseconds) <= 0;) {
    throw_if_interrupted();
    if (!std::exchange(said, true))
      log::info(path.string() + " is a pipe; waiting for what is written to it");
  }
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  struct ::stat status = {};
  const Descriptor file = open_for_reading(path, status);
  if (!S_ISREG(status.st_mode)) throw_unreadable(path, "it is not a regular file");
  size_ = static_cast<std::uint64_t>(status.st_size);
  if (size_ == 0) return;  // nothing to map
  void* const data = ::mmap(nullptr, static_cast<std::size_t>(size_), PROT_READ, MAP_SHARED, file.get(), 0);
  if (data == MAP_FAILED) throw_not_opened(path, errno);
  data_ = static_cast<const std::byte*>(data);
  try {
    refuse_lfs_pointer(path, bytes());
  } catch (...) {
    ::munmap(data, static_cast<std::size_t>(size_));
    throw;
  }
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), static_cast<std::size_t>(size_));
}

void MappedFile::release(std::uint64_t offset, std::uint64_t count) const noexcept {
  if (data_ == nullptr || offset >= size_) return;
  // Each call interrupts all threads, which forget where pages are: small ranges would cost more than reading them, and wait for the end of a window.
  constexpr std::uint64_t kWindow = 8 << 20, kSmall = 1 << 20, kPages = 64 << 10;
  const std::uint64_t end = offset + std::min(count, size_ - offset);
  const std::uint64_t first = offset / kWindow * kWindow;
  const std::uint64_t step = count > kSmall ? kPages : kWindow;
  const std::uint64_t last = end == size_ ? size_ : end / step * step;
  if (first >= last) return;
  // And some windows before it: threads that the system let wait were still reading there when these were released.
  constexpr std::uint64_t kBehind = 8 * kWindow;
  const std::uint64_t begin = first - std::min(first, kBehind);
  ::madvise(const_cast<std::byte*>(data_) + begin, static_cast<std::size_t>(last - begin), MADV_DONTNEED);
}

std::string read_text_file(const std::filesystem::path& path, std::uint64_t limit) {
  struct ::stat status = {};
  const Descriptor file = open_for_reading(path, status);
  if (is_named_pipe(file.get(), status)) wait_for_writer(file.get(), path);
  std::string text;
  // Read to the end rather than by st_size: files in /proc claim zero bytes.
  const auto claimed = static_cast<std::uint64_t>(std::max<::off_t>(status.st_size, 0));
  for (;;) {
    constexpr std::uint64_t kStep = 64 * 1024;
    const std::size_t known = text.size();
    const std::uint64_t step = std::max(kStep, claimed - std::min<std::uint64_t>(claimed, known));
    text.resize(known + static_cast<std::size_t>(std::min(step, limit - known)) + 1);
    const ::ssize_t count = ::read(file.get(), text.data() + known, text.size() - known);
    if (count < 0 && errno != EINTR)
      throw FormatError(fmt::format("{}: cannot be read: {}", path.string(), error_text(errno)));
    text.resize(known + static_cast<std::size_t>(std::max<::ssize_t>(count, 0)));
    if (count == 0) {
      refuse_lfs_pointer(path, std::as_bytes(std::span(text)));
      return text;
    }
    if (text.size() > limit)
      throw FormatError(
          fmt::format("{}: is larger than the {} bytes that such a file may have", path.string(), limit));
  }
}

}  // namespace pq
