// The other direction: the parts of tokenizer.json that belong to a value of tokenizer.ggml.pre.
#pragma once

#include "base/json.hpp"

#include <optional>
#include <string>

namespace pq {

struct PreTokenizerParts {
  Json normalizer, pre_tokenizer;
  bool ignore_merges = false;
  bool metaspace = false;  // SentencePiece-like pieces with merges: U+2581 for blanks, byte fallback
};

/// Nothing if the name is unknown.
std::optional<PreTokenizerParts> pre_tokenizer_parts(const std::string& name);

/// common/pre-tokenizers.json of the installation, read once.
const Json& pre_tokenizer_table();

}  // namespace pq
