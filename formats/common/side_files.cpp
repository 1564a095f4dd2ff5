#include "common/side_files.hpp"

#include "common/plain_name.hpp"
#include "common/printable.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>
#include <polyquant/base/log.hpp>
#include <polyquant/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <system_error>

namespace pq::hf {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxUnknownBytes = 64ull << 20;
constexpr std::string_view kTemplates = "additional_chat_templates";

// Weights and what belongs to them, of any framework: never copied along.
constexpr std::array<std::string_view, 17> kWeightEndings = {
    ".safetensors", ".bin",        ".pt",        ".pth", ".ckpt",    ".gguf",
    ".ggml",        ".onnx",       ".onnx_data", ".h5",  ".msgpack", ".npz",
    ".tflite",      ".index.json", ".partial",   ".pte", ".mlmodel"};
// A model does not work without these, whatever their size.
constexpr std::array<std::string_view, 7> kNeeded = {
    "config.json", "tokenizer.json",        "tokenizer.model",  "vocab.json",
    "merges.txt",  "tokenizer_config.json", "added_tokens.json"};

bool is_weight(std::string_view name) {
  return std::any_of(kWeightEndings.begin(), kWeightEndings.end(),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

bool is_wanted(const fs::directory_entry& entry, const std::string& name) {
  std::error_code error;
  if (name.starts_with('.') || is_weight(name) || !entry.is_regular_file(error)) return false;
  if (std::find(kNeeded.begin(), kNeeded.end(), name) != kNeeded.end()) return true;
  const std::uint64_t bytes = entry.file_size(error);
  if (!error && bytes <= kMaxUnknownBytes) return true;
  log::warning(fmt::format("{}: left out, it is larger than {} and no file that polyquant knows",
                           entry.path().string(), format_bytes(kMaxUnknownBytes)));
  return false;
}

void add_files(const fs::path& folder, const std::string& prefix, std::string_view ending,
               std::vector<SideFile>& out) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.ends_with(ending) && is_wanted(*entry, name)) out.push_back({prefix + name, entry->path(), {}});
  }
  if (error) throw FormatError(fmt::format("{}: cannot be listed: {}", folder.string(), error.message()));
}

}  // namespace

std::vector<SideFile> find_side_files(const fs::path& folder) {
  std::vector<SideFile> files;
  add_files(folder, "", "", files);
  std::error_code error;
  if (fs::is_directory(folder / kTemplates, error))
    add_files(folder / kTemplates, std::string(kTemplates) + "/", ".jinja", files);
  std::sort(files.begin(), files.end(), [](const SideFile& a, const SideFile& b) { return a.name < b.name; });
  return files;
}

void check_side_name(const std::string& name) {
  const std::string_view view = name;
  const bool is_template = view.starts_with(kTemplates) && view.substr(kTemplates.size()).starts_with('/');
  if (!is_plain_name(is_template ? view.substr(kTemplates.size() + 1) : view))
    throw ConfigError(fmt::format("{} cannot be the name of a file in the output's folder", shown(name)));
}

std::uint64_t side_file_bytes(const SideFile& file) {
  if (file.path.empty()) return file.content.size();
  std::error_code error;
  const std::uint64_t bytes = fs::file_size(file.path, error);
  if (error) throw FormatError(fmt::format("{}: cannot be read: {}", file.path.string(), error.message()));
  return bytes;
}

void write_side_file(const SideFile& file, const fs::path& folder) {
  check_side_name(file.name);
  const fs::path target = folder / file.name;
  std::error_code error;
  fs::create_directories(target.parent_path(), error);
  if (error)
    throw ConfigError(
        fmt::format("{}: cannot be created: {}", target.parent_path().string(), error.message()));
  const auto write = [&](Bytes bytes) {
    PartialFile out(target, bytes.size());
    out.write(0, bytes);
    out.seal();
  };
  if (file.path.empty()) return write(std::as_bytes(std::span(file.content)));
  if (side_file_bytes(file) == 0) return write({});
  write(MappedFile(file.path).bytes());
}

}  // namespace pq::hf
