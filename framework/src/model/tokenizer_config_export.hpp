// tokenizer_config.json, special_tokens_map.json and the post-processor of tokenizer.json from GGUF metadata.
#pragma once

#include "base/json.hpp"
#include "model/gguf_tokens.hpp"
#include "tokenizer/tokenizer_json.hpp"

namespace pq {

/// TemplateProcessing that adds BOS and EOS as the flags say; ByteLevel or null if nothing is added. `ignore_merges` tells what llama.cpp
/// assumes when a flag is absent, `byte_level` whether the tokenizer works on bytes.
Json export_post_processor(const Metadata& metadata, const GgufTokens& tokens, bool ignore_merges,
                           bool byte_level);

Json export_tokenizer_config(const Metadata& metadata, const GgufTokens& tokens,
                             const std::vector<AddedToken>& added);
Json export_special_tokens(const Metadata& metadata, const GgufTokens& tokens);

}  // namespace pq
