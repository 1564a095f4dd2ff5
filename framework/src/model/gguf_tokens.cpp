#include "model/gguf_tokens.hpp"

#include <polyquant/base/error.hpp>

namespace pq {

GgufTokens read_gguf_tokens(const Metadata& metadata) {
  GgufTokens result;
  const auto* tokens = tokenizer_array<std::string>(metadata, "tokens");
  if (tokens == nullptr || tokens->empty()) return result;
  result.tokens = *tokens;
  result.types.assign(tokens->size(), static_cast<std::int32_t>(TokenType::normal));
  result.scores.assign(tokens->size(), 0.0f);
  if (const auto* types = tokenizer_array<std::int32_t>(metadata, "token_type")) result.types = *types;
  if (const auto* scores = tokenizer_array<float>(metadata, "scores")) result.scores = *scores;
  if (result.types.size() != result.tokens.size() || result.scores.size() != result.tokens.size())
    throw FormatError("GGUF metadata: tokenizer.ggml.tokens has " + std::to_string(result.tokens.size()) +
                      " entries, token_type " + std::to_string(result.types.size()) + " and scores " +
                      std::to_string(result.scores.size()) + "; they must agree");
  return result;
}

std::string special_token(const Metadata& metadata, const GgufTokens& tokens, const std::string& kind) {
  const std::int64_t id = metadata.integer("tokenizer.ggml." + kind + "_token_id", -1);
  if (id < 0 || id >= static_cast<std::int64_t>(tokens.size())) return {};
  return tokens.tokens[static_cast<std::size_t>(id)];
}

std::optional<bool> tokenizer_flag(const Metadata& metadata, const std::string& key) {
  const MetaValue* value = metadata.find("tokenizer.ggml." + key);
  const bool* flag = value == nullptr ? nullptr : std::get_if<bool>(value);
  return flag == nullptr ? std::nullopt : std::optional(*flag);
}

}  // namespace pq
