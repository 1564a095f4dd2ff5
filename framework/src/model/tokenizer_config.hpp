// tokenizer_config.json: what is read of it, in one place.
#pragma once

#include "model/model_files.hpp"
#include "tokenizer/tokenizer_json.hpp"

#include <string>
#include <vector>

namespace pq {

struct TokenizerConfig {
  Json json{Json::Object()};  // an object; empty if there is no file
  std::string source;         // the file's path, for messages

  /// added_tokens_decoder, in file order: "id" -> {content, special, ...}. Throws FormatError for an entry that is no token.
  std::vector<AddedToken> added_tokens() const;
};

/// The model's file. Throws FormatError if it is no map.
TokenizerConfig read_tokenizer_config(const ModelFiles& files);

/// A token of a configuration, which is written as a string or as {content: ...}; "" if there is none.
std::string token_text(const Json& config, const std::string& key);

}  // namespace pq
