#include "run/state_file.hpp"

#include "base/file_lock.hpp"
#include "base/shortage.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <utility>

namespace pq {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxBytes = 4ull << 30;

[[noreturn]] void throw_failed(const fs::path& path, int error) {
  throw ResourceError(fmt::format("{}: cannot be written: {}", path.string(), error_text(error)));
}

}  // namespace

StateFile::StateFile(fs::path path, const fs::path& what) : path_(std::move(path)) {
  existed_ = true;
  file_ = Descriptor(::open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!file_ && errno == ENOENT) {
    existed_ = false;
    file_ = Descriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
  }
  if (!file_) throw_if_shortage(path_, errno);
  if (!file_)
    throw ConfigError(
        fmt::format("{} cannot be written: {}; choose another place for the output or add --work",
                    path_.string(), error_text(errno)));
  struct ::stat status = {};
  if (::fstat(file_.get(), &status) != 0 || !S_ISREG(status.st_mode))
    throw ConfigError(fmt::format("{} is no regular file; move it away", path_.string()));
  const LockResult result = lock_file(file_.get(), path_);
  if (result != LockResult::locked)
    throw ConfigError(fmt::format("{}: another process is writing it ({} is locked); wait for it to end",
                                  what.string(), path_.string()));
}

StateFile::StateFile(StateFile&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::move(other.file_)),
      end_(other.end_),
      existed_(other.existed_),
      keep_(std::exchange(other.keep_, true)) {}

StateFile::~StateFile() {
  if (!keep_ && !existed_) remove();
}

std::string StateFile::text() const { return existed_ ? read_text_file(path_, kMaxBytes) : ""; }

void StateFile::keep_bytes(std::uint64_t bytes) {
  end_ = bytes;
  if (::ftruncate(file_.get(), static_cast<::off_t>(end_)) != 0) throw_failed(path_, errno);
}

void StateFile::restart(const std::string& line) {
  end_ = 0;
  append(line);
  keep_bytes(end_);
}

void StateFile::append(const std::string& line) {
  const std::string text = line + '\n';
  for (std::size_t done = 0; done < text.size();) {
    const ::ssize_t count =
        ::pwrite(file_.get(), text.data() + done, text.size() - done, static_cast<::off_t>(end_ + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw_failed(path_, errno);
    done += static_cast<std::size_t>(count);
  }
  end_ += text.size();
}

void StateFile::flush() {
  if (::fdatasync(file_.get()) != 0) throw_failed(path_, errno);
}

void StateFile::remove() noexcept {
  keep_ = true;
  ::unlink(path_.c_str());
}

}  // namespace pq
