// Ids of special tokens, what is added to every text, and chat templates.
#pragma once

#include "base/json.hpp"
#include "model/model_files.hpp"
#include "tokenizer/tokenizer_json.hpp"

#include <polyquant/base/metadata.hpp>

#include <cstdint>

namespace pq {

/// Sets tokenizer.ggml.*_token_id, add_*_token and tokenizer.chat_template from the four files as llama.cpp's converter does
/// (gguf-py/gguf/vocab.py, SpecialVocab). `tokenizer_config` is an object; `tokenizer` may be nullptr: then only config files speak.
void add_special_tokens(Metadata& metadata, const ModelFiles& files, const Json& config,
                        Json tokenizer_config, const TokenizerJson* tokenizer, std::int64_t token_count,
                        std::vector<std::string>& warnings);

}  // namespace pq
