// Warnings about outputs, so that none is repeated.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace pq {

/// What is said of several outputs is said once, with their names.
class OutputWarnings {
 public:
  void add(const std::string& output, const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      auto at =
          std::find_if(lines_.begin(), lines_.end(), [&](const auto& line) { return line.first == text; });
      if (at == lines_.end()) at = lines_.insert(at, {text, {}});
      auto& names = at->second;
      if (std::find(names.begin(), names.end(), output) == names.end()) names.push_back(output);
    }
  }
  void append_to(std::vector<std::string>& warnings) const {
    for (const auto& [text, names] : lines_)
      warnings.push_back(fmt::format("{}: {}", fmt::join(names, ", "), text));
  }

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> lines_;  // text, outputs
};

}  // namespace pq
