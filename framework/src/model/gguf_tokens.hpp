// The tokenizer's arrays and flags of GGUF metadata, checked against each other.
#pragma once

#include "model/tokenizer_metadata.hpp"

#include <polyquant/base/metadata.hpp>

#include <optional>
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

/// The arrays; empty if there are no tokens. Absent types are "normal", absent scores 0. Throws FormatError if lengths differ.
GgufTokens read_gguf_tokens(const Metadata& metadata);

/// An array below "tokenizer.ggml.", or nullptr if it is absent or of another type.
template <class T>
const std::vector<T>* tokenizer_array(const Metadata& metadata, const std::string& key) {
  const MetaValue* value = metadata.find("tokenizer.ggml." + key);
  return value == nullptr ? nullptr : std::get_if<std::vector<T>>(value);
}

/// The token of "tokenizer.ggml.KIND_token_id", "" if there is none.
std::string special_token(const Metadata& metadata, const GgufTokens& tokens, const std::string& kind);

/// The boolean "tokenizer.ggml.KEY" if it is there.
std::optional<bool> tokenizer_flag(const Metadata& metadata, const std::string& key);

}  // namespace pq
