// Tokenizer files of a Hugging Face folder from the metadata of a GGUF file.
#pragma once

#include <polyquant/base/metadata.hpp>
#include <polyquant/format.hpp>

#include <string>
#include <vector>

namespace pq {

/// tokenizer.json, tokenizer_config.json, special_tokens_map.json and, for the kind "llama", tokenizer.model. What cannot be said exactly adds a
/// warning; a kind that has no form there (or no tokenizer at all) gives no files and a warning. Throws FormatError "SOURCE: ..." for
/// contradicting arrays and for texts that are not UTF-8.
std::vector<SideFile> export_tokenizer(const Metadata& metadata, const std::string& source,
                                       std::vector<std::string>& warnings);

}  // namespace pq
