// The value of tokenizer.ggml.pre: which splitter of llama.cpp belongs to a tokenizer.json.
#pragma once

#include "tokenizer/tokenizer_json.hpp"

#include <string>

namespace pq {

/// By the fingerprint of the whole tokenizer, else by the structure of its pre-tokenizer. Throws FormatError if neither is known.
std::string pre_tokenizer_name(const TokenizerJson& tokenizer);

/// By the ids of a test string, as llama.cpp's converter does it; empty if they are not in its table. Throws FormatError for a tokenizer that
/// class Tokenizer does not support.
std::string pre_tokenizer_by_fingerprint(const TokenizerJson& tokenizer);

/// By the structure alone: normalizer, splits and flags; empty if it is not known.
std::string pre_tokenizer_by_structure(const TokenizerJson& tokenizer);

}  // namespace pq
