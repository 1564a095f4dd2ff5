#include "base/git_lfs.hpp"

#include <polyquant/base/error.hpp>

#include <string_view>

namespace pq {

void refuse_lfs_pointer(const std::filesystem::path& path, Bytes content) {
  constexpr std::string_view kStart = "version https://git-lfs.github.com/spec/";
  constexpr std::size_t kMostBytes = 1024;  // of a pointer, as git-lfs's specification says
  const std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
  if (text.size() < kMostBytes && text.starts_with(kStart))
    throw FormatError(path.string() +
                      ": is a git-lfs pointer, not the file itself; `git lfs pull` in its "
                      "folder fetches what it stands for");
}

}  // namespace pq
