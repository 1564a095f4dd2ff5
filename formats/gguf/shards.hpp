// The files of a model: one, or all parts of a split one.
#pragma once

#include "header.hpp"

#include <polyquant/base/file.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace pq::gguf {

struct Shard {
  std::unique_ptr<MappedFile> file;
  FileHeader header;
  std::string name;  // of the file, without folder
};

/// Maps the file and, if it is the first part of a split model, the others. Throws FormatError for malformed and missing files, parts
/// that do not belong together, and a path that is not the first part.
std::vector<Shard> open_shards(const std::filesystem::path& path);

/// The same for files of any names, given in the order of the parts: those that are being written.
std::vector<Shard> open_files(const std::vector<std::filesystem::path>& paths);

}  // namespace pq::gguf
