#include "model/model_files.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>
#include <polyquant/base/text.hpp>

namespace pq {
namespace {

constexpr std::uint64_t kMaxJsonBytes = std::uint64_t{64} << 20;

}  // namespace

std::string ModelFiles::model_name() const {
  std::error_code error;
  std::filesystem::path full = std::filesystem::absolute(path_, error).lexically_normal();
  if (!full.has_filename()) full = full.parent_path();
  return std::filesystem::is_directory(full, error) ? full.filename().string() : full.stem().string();
}

std::string ModelFiles::hint_at_folder() const {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path_, error)) return "";
  const std::filesystem::path folder = std::filesystem::absolute(path_, error).parent_path();
  if (std::filesystem::is_regular_file(folder / "config.json", error))
    return "; a single file does not hold it, give the model's folder: " + folder.string();
  return "; a single file does not hold it, give a folder with the weights, config.json and the tokenizer";
}

const SideFile* ModelFiles::listed(const std::string& name) const {
  for (const SideFile& file : reader_.header().side_files)
    if (file.name == name) return &file;
  return nullptr;
}

std::optional<std::filesystem::path> ModelFiles::find(const std::string& name) const {
  if (const SideFile* file = listed(name); file != nullptr && !file->path.empty()) return file->path;
  std::error_code error;
  if (std::filesystem::is_regular_file(path_ / name, error)) return path_ / name;
  return std::nullopt;
}

bool ModelFiles::has(const std::string& name) const {
  return listed(name) != nullptr || find(name).has_value();
}

std::optional<std::string> ModelFiles::text(const std::string& name, std::uint64_t limit) const {
  const SideFile* file = listed(name);
  if (file != nullptr && file->path.empty()) return file->content;
  const auto path = find(name);
  if (!path) return std::nullopt;
  return read_text_file(*path, limit);
}

Json ModelFiles::json(const std::string& name) const {
  const auto content = text(name, kMaxJsonBytes);
  if (!content) return Json();
  const auto path = find(name);
  return parse_json(*content, path ? path->string() : name);
}

}  // namespace pq
