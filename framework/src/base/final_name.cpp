#include "base/final_name.hpp"

#include "base/descriptor.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>
#include <stdio.h>  // renameat2
#include <sys/stat.h>

#include <cerrno>

namespace pq {

void throw_not_renamed(const std::filesystem::path& from, int error) {
  throw ResourceError(
      fmt::format("{}: cannot be renamed to its final name: {}", from.string(), error_text(error)));
}

bool is_taken(const std::filesystem::path& path) noexcept {
  struct ::stat status = {};
  return ::lstat(path.c_str(), &status) == 0;
}

void rename_new(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return;
  int error = errno;
  // Not all file systems can do both in one step.
  if (error == EINVAL || error == ENOSYS || error == EOPNOTSUPP)
    error = is_taken(to) ? EEXIST : ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
  if (error == EEXIST)
    throw ResourceError(fmt::format(
        "{}: cannot be renamed to its final name: {} has appeared while it was written; move that away",
        from.string(), to.string()));
  if (error != 0) throw_not_renamed(from, error);
}

}  // namespace pq
