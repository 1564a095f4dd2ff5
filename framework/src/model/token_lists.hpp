// Token lists of GGUF from the two kinds of tokenizer files.
#pragma once

#include "model/tokenizer_config.hpp"
#include "model/tokenizer_metadata.hpp"
#include "tokenizer/sentencepiece_model.hpp"
#include "tokenizer/tokenizer_json.hpp"

namespace pq {

/// Kind "gpt2": byte-level tokens of tokenizer.json. `rows` is the number of embedding rows; ids above it throw FormatError.
TokenList bpe_tokens(const TokenizerJson& tokenizer, const TokenizerConfig& tokenizer_config,
                     std::int64_t rows);
/// Merges as GGUF writes them: "left right", blanks inside a symbol as U+0120.
std::vector<std::string> gguf_merges(const TokenizerJson& tokenizer);

/// Kind "llama" from tokenizer.model with added_tokens.json and tokenizer_config.json. Ids above `rows` are dropped with a warning.
TokenList sentencepiece_tokens(const SentencePieceModel& model, const Json& added,
                               const TokenizerConfig& tokenizer_config, std::int64_t rows,
                               std::vector<std::string>& warnings);

/// Puts the added tokens of tokenizer.json over such a list, as the converter does for some classes (Phi-3).
void add_json_tokens(TokenList& list, const TokenizerJson& tokenizer, std::int64_t rows);

/// Kind "llama" from a tokenizer.json with byte fallback: scores are minus the rank of the first merge that makes the piece.
TokenList llama_tokens(const TokenizerJson& tokenizer, const TokenizerConfig& tokenizer_config,
                       std::int64_t rows);

}  // namespace pq
