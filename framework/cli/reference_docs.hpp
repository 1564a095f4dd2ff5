// The pages of docs/reference, made from the same data as help.
#pragma once

#include "help_text.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace pq::cli {

struct ReferencePage {
  std::string name;  // "encodings.md"
  std::string text;
};
std::vector<ReferencePage> reference_pages(const HelpTopics& topics);

/// Writes all pages into the folder, which is made if it is missing. Throws ResourceError.
void write_reference_docs(const HelpTopics& topics, const std::filesystem::path& folder);

}  // namespace pq::cli
