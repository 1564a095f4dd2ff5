// The files of a Hugging Face folder next to its weights: configuration, tokenizer, templates, model card.
#pragma once

#include <polyquant/format.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace pq::hf {

/// All of them in name order, by path: every file of the folder that holds no weights, and additional_chat_templates/*.jinja. Hidden files
/// and unknown ones above 64 MiB are left out; the latter with a warning in the log.
std::vector<SideFile> find_side_files(const std::filesystem::path& folder);

/// Exact size of what write_side_file() will write. Throws FormatError if the file to copy has gone.
std::uint64_t side_file_bytes(const SideFile& file);

/// Writes a side file below `folder`. Throws ConfigError for a name that leads out of it.
void write_side_file(const SideFile& file, const std::filesystem::path& folder);

/// Throws ConfigError unless the name is a plain name, or additional_chat_templates/NAME.
void check_side_name(const std::string& name);

}  // namespace pq::hf
