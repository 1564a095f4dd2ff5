#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include "base/descriptor.hpp"
#include "base/final_name.hpp"

#include <fmt/format.h>
#include <stdio.h>   // renameat2
#include <stdlib.h>  // mkdtemp

#include <cerrno>

namespace pq {
namespace {

namespace fs = std::filesystem;

void rename_or_throw(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) throw_not_renamed(from, errno);
}

// The two names swap their folders in one step, where kernel and file system can do that.
bool exchange(const fs::path& a, const fs::path& b) {
  if (::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0) return true;
  if (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP) return false;
  throw_not_renamed(a, errno);
}

// Second best: for a moment there is no folder of the final name.
void replace_in_two_steps(const fs::path& partial, const fs::path& final) {
  // A new empty folder, which the rename replaces: whatever else has a similar name stays.
  std::string name = final.string() + ".replaced-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw_not_renamed(final, errno);
  const fs::path old = name;
  std::error_code ignored;
  rename_or_throw(final, old);
  if (::rename(partial.c_str(), final.c_str()) != 0) {
    const int error = errno;
    ::rename(old.c_str(), final.c_str());
    throw_not_renamed(partial, error);
  }
  fs::remove_all(old, ignored);
}

}  // namespace

PartialFolder::PartialFolder(fs::path path, bool resume) : path_(std::move(path)) {
  // "out/" and "out" are the same folder; the partial name needs the latter.
  if (!path_.has_filename()) path_ = path_.parent_path();
  replaces_ = is_taken(path_);
  const fs::path partial = partial_path();
  const auto refuse = [&](const std::string& reason) {
    throw ConfigError(fmt::format("{}: cannot be created: {}", partial.string(), reason));
  };
  std::error_code error;
  const fs::file_status existing = fs::symlink_status(path_, error);
  if (fs::exists(existing) && !fs::is_directory(fs::status(path_, error)))
    throw ConfigError(fmt::format(
        "{}: is a file, but the output is a folder; remove it or choose another name", path_.string()));
  error.clear();
  const bool is_new = fs::create_directory(partial, error);
  if (error == std::errc::no_space_on_device)
    throw ResourceError(fmt::format("{}: cannot be created: {}", partial.string(), error.message()));
  if (error) refuse(error.message());
  if (!is_new && (!resume || !fs::is_directory(fs::symlink_status(partial, error))))
    refuse(
        "it exists, and may be somebody's; remove it if a killed program left it, or choose another name for "
        "the output");
}

PartialFolder::~PartialFolder() {
  if (sealed_ || keep_) return;
  std::error_code ignored;
  fs::remove_all(partial_path(), ignored);
}

fs::path PartialFolder::partial_path() const {
  fs::path partial = path_;
  partial += ".partial";
  return partial;
}

void PartialFolder::seal() {
  PQ_ASSERT(!sealed_, "a folder is sealed once");
  const fs::path partial = partial_path();
  std::error_code ignored;
  if (!replaces_ || !is_taken(path_)) {
    rename_new(partial, path_);
  } else if (exchange(partial, path_)) {
    fs::remove_all(partial, ignored);  // the old folder has this name now
  } else {
    replace_in_two_steps(partial, path_);
  }
  sealed_ = true;
}

}  // namespace pq
