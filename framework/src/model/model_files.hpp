// The small files beside a model's weights.
#pragma once

#include "base/json.hpp"

#include <polyquant/format.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace pq {

/// Reads side files of one model: those that its reader lists, then those of its folder.
class ModelFiles {
 public:
  ModelFiles(const ModelReader& reader, std::filesystem::path path)
      : reader_(reader), path_(std::move(path)) {}

  const std::filesystem::path& path() const noexcept { return path_; }
  /// The folder's or file's own name, without the extension of a file.
  std::string model_name() const;
  bool has(const std::string& name) const;
  /// The end of a message about a file that is missing, if the model is a single file: what to give in its place; else "".
  std::string hint_at_folder() const;
  /// The content, or nothing if there is no such file. Throws FormatError if it is larger than `limit` bytes.
  std::optional<std::string> text(const std::string& name, std::uint64_t limit) const;
  /// The parsed content, or null if there is no such file. Throws FormatError for broken JSON.
  Json json(const std::string& name) const;

  /// Where it is, or nothing if there is no such file on the disk.
  std::optional<std::filesystem::path> find(const std::string& name) const;

 private:
  const SideFile* listed(const std::string& name) const;

  const ModelReader& reader_;
  std::filesystem::path path_;
};

}  // namespace pq
