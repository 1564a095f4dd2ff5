// The tokenizer's arrays and flags of GGUF metadata, checked against each other.
#pragma once

#include "model/tokenizer_metadata.hpp"
#include "tokenizer/gguf_arrays.hpp"

#include <polyquant/base/metadata.hpp>

#include <string>
#include <vector>

namespace pq {

struct GgufTokens {
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types;
  std::vector<float> scores;

  std::size_t size() const noexcept { return tokens.size(); }
  TokenType type(std::size_t id) const { return static_cast<TokenType>(types[id]); }
  bool is_added(std::size_t id) const {
    return type(id) == TokenType::control || type(id) == TokenType::user_defined;
  }
};

/// The arrays; empty if there are no tokens. Absent types are "normal", absent scores 0. Throws FormatError, without the file's name, if
/// lengths differ or an array is of another type.
GgufTokens read_gguf_tokens(const Metadata& metadata);

/// The token of "tokenizer.ggml.KIND_token_id", "" if there is none. Throws FormatError if the key is no integer.
std::string special_token(const Metadata& metadata, const GgufTokens& tokens, const std::string& kind);

}  // namespace pq
