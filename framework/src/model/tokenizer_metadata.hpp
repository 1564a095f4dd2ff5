// tokenizer.ggml.* of a Hugging Face model (tokenizer.json or tokenizer.model, tokenizer_config.json, chat templates).
#pragma once

#include "model/family.hpp"
#include "model/model_files.hpp"
#include "model/scope.hpp"
#include "model/view.hpp"

#include <vector>

namespace pq {

/// Token types of GGUF.
enum class TokenType : std::int32_t {
  undefined = 0,
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6
};

/// The converter's score of added tokens (gguf-py/gguf/vocab.py).
inline constexpr float kAddedScore = -1000.0f;

/// Tokens as GGUF lists them; scores only for the kind "llama".
struct TokenList {
  std::vector<std::string> tokens;
  std::vector<float> scores;
  std::vector<std::int32_t> types;
};

/// Sets the tokenizer's keys. Throws FormatError if there is no tokenizer, or none that GGUF can express.
void add_tokenizer_metadata(ModelView& view, const Family& family, ConfigScope& scope,
                            const ModelFiles& files, const Json& config, const ViewOptions& options);

/// Throws ConfigError for a name of `options.pre_tokenizer` that llama.cpp does not know, or that has no place beside a tokenizer of the kind
/// `model` (tokenizer.ggml.model; "" = not known yet). An empty name is none.
void check_pre_tokenizer(const std::string& name, const std::string& model);

/// Added tokens that are not marked special but are control tokens all the same (convert_hf_to_gguf.py, does_token_look_special).
bool looks_special(std::string_view token);
/// User-defined tokens stand in GGUF with blanks in place of U+2581.
std::string with_blanks(std::string_view token);

}  // namespace pq
