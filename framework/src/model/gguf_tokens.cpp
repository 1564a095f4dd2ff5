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
  if (auto scores = tokenizer_scores(metadata)) result.scores = *std::move(scores);
  if (result.types.size() != result.tokens.size() || result.scores.size() != result.tokens.size())
    throw FormatError("tokenizer.ggml.tokens has " + std::to_string(result.tokens.size()) +
                      " entries, token_type " + std::to_string(result.types.size()) + " and scores " +
                      std::to_string(result.scores.size()) + "; they must agree");
  return result;
}

std::string special_token(const Metadata& metadata, const GgufTokens& tokens, const std::string& kind) {
  const std::int64_t id = metadata.integer("tokenizer.ggml." + kind + "_token_id", -1);
  if (id < 0 || id >= static_cast<std::int64_t>(tokens.size())) return {};
  return tokens.tokens[static_cast<std::size_t>(id)];
}

}  // namespace pq
