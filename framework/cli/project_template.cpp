#include "project_template.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <span>
#include <system_error>

namespace pq::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxTemplateBytes = 1 << 20;

std::vector<fs::path> template_files(const std::vector<fs::path>& folders) {
  std::vector<fs::path> files;
  for (const fs::path& folder : folders) {
    std::error_code failed;
    for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed))
      if (at->path().extension() == ".in") files.push_back(at->path());
    if (failed)
      throw FormatError(
          fmt::format("{}: the templates cannot be read: {}", folder.string(), failed.message()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string file_name(const fs::path& file, const std::string& name) {
  std::string result = file.stem().string();
  if (const std::size_t at = result.find("NAME"); at != std::string::npos) result.replace(at, 4, name);
  return result;
}

void write_file(const fs::path& path, const std::string& text) {
  PartialFile file(path, text.size());
  file.write(0, std::as_bytes(std::span(text)));
  file.seal();
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

}  // namespace

std::string fill_template(const std::string& text, const std::map<std::string, std::string>& values,
                          const std::string& place) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 1;
    while (text[i] == '@' && end < text.size() && is_word(text[end])) ++end;
    if (text[i] != '@' || end == i + 1 || end >= text.size() || text[end] != '@') {
      out += text[i++];
      continue;
    }
    const auto value = values.find(text.substr(i + 1, end - i - 1));
    if (value == values.end())
      throw FormatError(fmt::format("{}: {} has no value", place, text.substr(i, end - i + 1)));
    out += value->second;
    i = end + 1;
  }
  return out;
}

std::string camel_case(const std::string& snake_case) {
  std::string out;
  bool upper = true;
  for (const char c : snake_case) {
    if (c != '_') out += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = c == '_';
  }
  return out;
}

std::vector<std::string> write_project(const std::vector<fs::path>& folders, const fs::path& target,
                                       const std::map<std::string, std::string>& values) {
  if (fs::exists(fs::symlink_status(target)))
    throw ConfigError(target.string() + " exists already; choose another place with --to, or remove it");
  fs::path partial = target;
  if (fs::exists(fs::symlink_status(partial += ".partial")))
    throw ConfigError(partial.string() + " is in the way; move it away, or choose another place with --to");
  const std::vector<fs::path> files = template_files(folders);
  if (target.has_parent_path()) {
    std::error_code failed;
    fs::create_directories(target.parent_path(), failed);
    if (failed)
      throw ConfigError(fmt::format("the folder {} cannot be made: {}; choose another place with --to",
                                    target.parent_path().string(), failed.message()));
  }
  PartialFolder folder(target);
  std::vector<std::string> names;
  for (const fs::path& file : files) {
    names.push_back(file_name(file, values.at("name")));
    write_file(folder.partial_path() / names.back(),
               fill_template(read_text_file(file, kMaxTemplateBytes), values, file.string()));
  }
  folder.seal();
  return names;
}

}  // namespace pq::cli
