#include "model/tokenizer_config.hpp"

#include "model/expression.hpp"
#include "tokenizer/token_limit.hpp"

#include <polyquant/base/error.hpp>

#include <charconv>

namespace pq {
namespace {

bool flag(const Json& token, const char* key) {
  const Json* value = token.find(key);
  return value != nullptr && is_true(*value);
}

}  // namespace

std::vector<AddedToken> TokenizerConfig::added_tokens() const {
  std::vector<AddedToken> list;
  const Json* decoder = json.find("added_tokens_decoder");
  if (decoder == nullptr || !decoder->is_object()) return list;
  for (const auto& [key, value] : decoder->object()) {
    AddedToken token;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token.id);
    const Json* content = value.find("content");
    if (error != std::errc() || end != key.data() + key.size() || token.id < 0 || token.id >= kMaxTokens ||
        content == nullptr || !content->is_string())
      throw FormatError(source + ": 'added_tokens_decoder' has a wrong entry '" + key +
                        "'; it must be a token number with a 'content'");
    token.content = content->string();
    token.special = flag(value, "special");
    token.lstrip = flag(value, "lstrip");
    token.rstrip = flag(value, "rstrip");
    token.single_word = flag(value, "single_word");
    list.push_back(std::move(token));
  }
  return list;
}

TokenizerConfig read_tokenizer_config(const ModelFiles& files) {
  TokenizerConfig config;
  config.source = (files.path() / "tokenizer_config.json").string();
  Json json = files.json("tokenizer_config.json");
  if (json.is_null()) return config;
  if (!json.is_object())
    throw FormatError(config.source + ": the file must hold a map, it holds " +
                      std::string(json.kind_name()));
  config.json = std::move(json);
  return config;
}

std::string token_text(const Json& config, const std::string& key) {
  const Json* entry = config.find(key);
  if (entry != nullptr && entry->is_object()) entry = entry->find("content");
  return entry != nullptr && entry->is_string() ? entry->string() : std::string();
}

}  // namespace pq
