#include "config/pipeline_text.hpp"

#include "config/environment.hpp"
#include "config/pipeline_keys.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>

namespace pq {
namespace {

bool is_key(std::string_view name) {
  const auto& keys = pipeline_keys();
  return std::any_of(keys.begin(), keys.end(), [&](const PipelineKey& key) { return key.name == name; });
}

/// Of those that no other file has, too: `version` alone would be a docker-compose file.
bool is_telling(std::string_view name) { return name == "model" || name == "outputs"; }

bool is_pipeline(const Node& node) {
  if (!node.is_map()) return false;
  const auto& items = node.members();
  const Node* version = node.find("version");
  return (version == nullptr || (version->is_scalar() && version->text() == "1")) &&
         std::all_of(items.begin(), items.end(), [](const auto& item) { return is_key(item.key); }) &&
         std::any_of(items.begin(), items.end(), [](const auto& item) { return is_telling(item.key); });
}

/// The key that a line at the margin begins with; "" = none.
std::string_view key_of(std::string_view line) {
  const std::string_view key = line.substr(0, std::min(line.find(':'), line.size()));
  return key.size() == line.size() ? "" : key.substr(0, key.find_last_not_of(' ') + 1);
}

/// Of a text with mistakes: whether the lines at the margin begin with keys.
bool has_lines_of_pipeline(std::string_view text) {
  bool is_told = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos || line.find_first_of(" \t#%]}") == 0 ||
        line.starts_with("---"))
      continue;
    if (!is_key(key_of(line))) return false;
    is_told = is_told || is_telling(key_of(line));
  }
  return is_told;
}

/// No line that says anything.
bool is_blank(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::size_t first = text.substr(0, end).find_first_not_of(" \t\r");
    if (first != std::string_view::npos && text[first] != '#') return false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

}  // namespace

bool looks_like_pipeline(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return false;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (is_blank(text)) return true;
  try {
    return is_pipeline(parse_yaml_text(text, "", false));
  } catch (const Error&) {
    return has_lines_of_pipeline(text);
  }
}

}  // namespace pq
