// The tokenizer of any model that can be opened.
#pragma once

#include "model/open_model.hpp"
#include "tokenizer/tokenizer.hpp"

#include <filesystem>
#include <string>

namespace pq {

/// From GGUF metadata for formats that keep the tokenizer there; else from the files beside the weights: tokenizer.json, or tokenizer.model alone,
/// with tokenizer_config.json. Ids are those of the program that runs such files: llama.cpp, or the Hugging Face libraries. Throws FormatError if
/// there is no tokenizer, or none that is supported.
Tokenizer open_tokenizer(const OpenedModel& model, const std::filesystem::path& path);

}  // namespace pq
