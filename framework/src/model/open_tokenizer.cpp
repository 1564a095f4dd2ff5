#include "model/open_tokenizer.hpp"

#include "model/model_files.hpp"
#include "model/tokenizer_config.hpp"
#include "tokenizer/token_limit.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <array>
#include <optional>

namespace pq {
namespace {

constexpr std::uint64_t kMaxTokenizerBytes = std::uint64_t{512} << 20;

std::optional<bool> flag(const Json& config, const char* key) {
  const Json* value = config.find(key);
  return value != nullptr && value->is_bool() ? std::optional(value->boolean()) : std::nullopt;
}

std::string tokenizer_class(const Json& config) {
  const Json* name = config.find("tokenizer_class");
  std::string text = name != nullptr && name->is_string() ? name->string() : std::string();
  if (text.ends_with("Fast")) text.resize(text.size() - 4);
  return text;
}

TokenizerRules rules_of(const Json& config) {
  TokenizerRules rules;
  rules.bos_token = token_text(config, "bos_token");
  rules.eos_token = token_text(config, "eos_token");
  rules.unknown_token = token_text(config, "unk_token");
  rules.padding_token = token_text(config, "pad_token");
  return rules;
}

// The classes whose template transformers builds from the two flags, whatever tokenizer.json says.
bool flags_decide(const std::string& name) {
  constexpr std::array<std::string_view, 3> kClasses = {"LlamaTokenizer", "GemmaTokenizer",
                                                        "CodeLlamaTokenizer"};
  return std::find(kClasses.begin(), kClasses.end(), name) != kClasses.end();
}

void add_added_tokens(const ModelFiles& files, TokenizerRules& rules) {
  const Json added = files.json("added_tokens.json");
  if (!added.is_object()) return;
  for (const auto& [text, id] : added.object()) {
    if (!id.is_integer() || id.integer() < 0 || id.integer() >= kMaxTokens)
      throw FormatError((files.path() / "added_tokens.json").string() + ": '" + text +
                        "' has no token number");
    AddedToken token;
    token.id = id.integer();
    token.content = text;
    if (!text.empty()) rules.added_tokens.push_back(std::move(token));
  }
}

Tokenizer from_json(const std::string& text, const ModelFiles& files, const TokenizerConfig& config) {
  const TokenizerJson file = parse_tokenizer_json(text, (files.path() / "tokenizer.json").string());
  TokenizerRules rules = rules_of(config.json);
  if (flags_decide(tokenizer_class(config.json))) {
    rules.add_bos = flag(config.json, "add_bos_token");
    rules.add_eos = flag(config.json, "add_eos_token");
  }
  return Tokenizer(file, rules);
}

// Without tokenizer.json the class decides what is added: T5 an end, the others a start, unless the flags say otherwise.
Tokenizer from_sentencepiece(const std::string& bytes, const ModelFiles& files,
                             const TokenizerConfig& config) {
  const std::string source = (files.path() / "tokenizer.model").string();
  const SentencePieceModel model =
      parse_sentencepiece_model(std::as_bytes(std::span(bytes.data(), bytes.size())), source);
  TokenizerRules rules = rules_of(config.json);
  const bool t5 = tokenizer_class(config.json) == "T5Tokenizer";
  rules.add_bos = flag(config.json, "add_bos_token").value_or(!t5);
  rules.add_eos = flag(config.json, "add_eos_token").value_or(t5);
  for (AddedToken& token : config.added_tokens())
    if (!token.content.empty()) rules.added_tokens.push_back(std::move(token));
  add_added_tokens(files, rules);
  return Tokenizer(model, rules, source);
}

}  // namespace

Tokenizer open_tokenizer(const OpenedModel& model, const std::filesystem::path& path) {
  refuse_importance_matrix(*model.reader, path);
  const ModelHeader& header = model.reader->header();
  if (header.metadata.find("tokenizer.ggml.model") != nullptr || header.dialect == Dialect::gguf)
    return Tokenizer(read_gguf_vocabulary(header.metadata, path.string()));
  const ModelFiles files(*model.reader, path);
  const TokenizerConfig config = read_tokenizer_config(files);
  if (const auto text = files.text("tokenizer.json", kMaxTokenizerBytes))
    return from_json(*text, files, config);
  if (const auto bytes = files.text("tokenizer.model", kMaxTokenizerBytes))
    return from_sentencepiece(*bytes, files, config);
  const std::string hint = files.hint_at_folder();
  throw FormatError(path.string() + ": there is no tokenizer.json and no tokenizer.model" +
                    (hint.empty() ? "; copy the model's tokenizer files here" : hint));
}

}  // namespace pq
