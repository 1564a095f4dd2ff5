// Files that git-lfs has not fetched.
#pragma once

#include <polyquant/base/bytes.hpp>

#include <filesystem>

namespace pq {

/// Throws FormatError if `content`, the start of the file or all of it, is the text that git-lfs leaves in a file's place.
void refuse_lfs_pointer(const std::filesystem::path& path, Bytes content);

}  // namespace pq
