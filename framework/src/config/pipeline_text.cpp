#include "config/pipeline_text.hpp"

#include "config/pipeline_keys.hpp"

#include <algorithm>

namespace pq {
namespace {

bool begins_with_key(std::string_view line) {
  const auto& keys = pipeline_keys();
  return std::any_of(keys.begin(), keys.end(), [&](const PipelineKey& key) {
    if (!line.starts_with(key.name)) return false;
    const std::string_view rest = line.substr(key.name.size());
    const std::size_t colon = rest.find_first_not_of(' ');
    return colon != std::string_view::npos && rest[colon] == ':';
  });
}

}  // namespace

bool looks_like_pipeline(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return false;
  bool is_blank = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) continue;
    is_blank = false;
    if (line[first] == '#' || line.substr(first).starts_with("---")) continue;
    return first == 0 && begins_with_key(line);
  }
  return is_blank;
}

}  // namespace pq
