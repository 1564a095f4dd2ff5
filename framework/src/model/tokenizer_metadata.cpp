#include "model/tokenizer_metadata.hpp"

#include "model/gguf_metadata.hpp"
#include "model/special_tokens.hpp"
#include "model/token_lists.hpp"
#include "model/tokenizer_ahead.hpp"
#include "tokenizer/gguf_splitter.hpp"
#include "tokenizer/pre_tokenizer_name.hpp"
#include "tokenizer/pre_tokenizer_structure.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <memory>

namespace pq {
namespace {

constexpr std::uint64_t kMaxTokenizerBytes = std::uint64_t{512} << 20;

// What is common to all kinds while the keys are written.
struct Writer {
  ModelView& view;
  const ModelFiles& files;
  const Json& config;
  const ViewOptions& options;
  TokenizerConfig tokenizer_config;
  std::int64_t rows = 0;  // of the embedding matrix = tokens in the list
  std::shared_ptr<const TokenizerJson> parsed = nullptr;
  bool is_ahead = false;  // `parsed` comes from options.tokenizer

  /// Parsed once, whatever kinds are tried; nullptr if there is none.
  std::shared_ptr<const TokenizerJson> tokenizer_json() {
    if (parsed) return parsed;
    if (const auto file = files.find("tokenizer.json"); file && options.tokenizer)
      parsed = options.tokenizer->json(*file);
    is_ahead = parsed != nullptr;
    if (is_ahead) return parsed;
    if (const auto text = files.text("tokenizer.json", kMaxTokenizerBytes))
      parsed = std::make_shared<const TokenizerJson>(
          parse_tokenizer_json(*text, (files.path() / "tokenizer.json").string()));
    return parsed;
  }

  std::string pre_tokenizer() const {
    if (!options.pre_tokenizer.empty()) return options.pre_tokenizer;
    return is_ahead ? options.tokenizer->pre_tokenizer() : pre_tokenizer_name(*parsed);
  }

  void write_list(const char* model, const std::string& pre, TokenList list) {
    Metadata& metadata = view.metadata;
    metadata.set("tokenizer.ggml.model", std::string(model));
    metadata.set("tokenizer.ggml.pre", pre);
    metadata.set("tokenizer.ggml.tokens", std::move(list.tokens));
    if (!list.scores.empty()) metadata.set("tokenizer.ggml.scores", std::move(list.scores));
    metadata.set("tokenizer.ggml.token_type", std::move(list.types));
  }

  void write_specials(const TokenizerJson* tokenizer) {
    add_special_tokens(view.metadata, files, config, tokenizer_config.json, tokenizer, rows, view.warnings);
  }
};

bool write_sentencepiece_list(Writer& writer, bool with_json) {
  const auto text = writer.files.text("tokenizer.model", kMaxTokenizerBytes);
  if (!text) return false;
  const Bytes bytes = std::as_bytes(std::span(text->data(), text->size()));
  const SentencePieceModel model =
      parse_sentencepiece_model(bytes, (writer.files.path() / "tokenizer.model").string());
  TokenList list = sentencepiece_tokens(model, writer.files.json("added_tokens.json"),
                                        writer.tokenizer_config, writer.rows, writer.view.warnings);
  const auto tokenizer = writer.tokenizer_json();
  if (with_json && tokenizer) add_json_tokens(list, *tokenizer, writer.rows);
  writer.write_list("llama", "default", std::move(list));
  writer.write_specials(tokenizer ? &*tokenizer : nullptr);
  return true;
}

bool write_sentencepiece(Writer& writer) { return write_sentencepiece_list(writer, false); }
bool write_sentencepiece_json(Writer& writer) { return write_sentencepiece_list(writer, true); }

// gguf-py's LlamaHfVocab takes BPE with byte fallback and a Sequence as decoder.
bool write_llama_json(Writer& writer) {
  const auto tokenizer = writer.tokenizer_json();
  if (!tokenizer || tokenizer->model_type() != "BPE" || !tokenizer->model_flag("byte_fallback")) return false;
  const Json* decoder = tokenizer->rest.find_path("decoder.type");
  if (decoder == nullptr || *decoder != Json("Sequence")) return false;
  writer.write_list("llama", "default", llama_tokens(*tokenizer, writer.tokenizer_config, writer.rows));
  writer.write_specials(&*tokenizer);
  return true;
}

// "NFC", or "NFC and Lowercase": what the normalizer does, as tokenizer.json calls it; "" = nothing.
std::string normalizer_names(const Json* normalizer) {
  if (normalizer == nullptr || !normalizer->is_object()) return "";
  const Json* parts = normalizer->find("normalizers");
  if (parts == nullptr || !parts->is_array()) {
    const Json* type = normalizer->find("type");
    return type == nullptr ? "" : display(*type);
  }
  std::string names;
  for (const Json& part : parts->array())
    if (const std::string name = normalizer_names(&part); !name.empty())
      names += (names.empty() ? "" : " and ") + name;
  return names;
}

// llama.cpp cuts texts of this kind as they are.
void warn_of_normalizer(Writer& writer, const TokenizerJson& tokenizer, const std::string& pre) {
  const std::string names = normalizer_names(tokenizer.rest.find("normalizer"));
  const auto known = pre_tokenizer_parts(pre);
  if (names.empty() || (known && known->metaspace)) return;
  writer.view.warnings.push_back("the normalizer " + names +
                                 " of tokenizer.json has no form in GGUF: texts that it "
                                 "changes (decomposed accents, for example) get other tokens from the file");
}

bool write_bpe(Writer& writer) {
  const auto tokenizer = writer.tokenizer_json();
  if (!tokenizer) return false;
  if (tokenizer->model_type() != "BPE")
    throw FormatError(tokenizer->source + ": the tokenizer model '" + tokenizer->model_type() +
                      "' has no form in GGUF for this family; known: BPE");
  TokenList list = bpe_tokens(*tokenizer, writer.tokenizer_config, writer.rows);
  std::vector<std::string> merges = gguf_merges(*tokenizer);
  const std::string pre = writer.pre_tokenizer();
  writer.write_list("gpt2", pre, std::move(list));
  if (!merges.empty()) writer.view.metadata.set("tokenizer.ggml.merges", std::move(merges));
  writer.write_specials(&*tokenizer);
  warn_of_normalizer(writer, *tokenizer, pre);
  return true;
}

using WriteKind = bool (*)(Writer&);
const std::vector<std::pair<std::string, WriteKind>>& kinds() {
  static const std::vector<std::pair<std::string, WriteKind>> kKinds = {
      {"sentencepiece", write_sentencepiece},
      {"sentencepiece-json", write_sentencepiece_json},
      {"llama-json", write_llama_json},
      {"bpe", write_bpe}};
  return kKinds;
}

std::int64_t embedding_rows(const ModelView& view, const ModelFiles& files) {
  for (const ViewTensor& tensor : view.tensors)
    if (tensor.role == "embedding") return rows(tensor.shape);
  throw FormatError(files.path().string() +
                    ": there is no token embedding, so the number of tokens is unknown");
}

// "tokenizer_config.add_prefix_space" in expressions.
void set_variables(ConfigScope& scope, const Json& tokenizer_config, const std::string& kind) {
  scope.set("tokenizer_kind", Json(kind));
  for (const auto& [key, value] : tokenizer_config.object())
    if (!value.is_object() && !value.is_array()) scope.set("tokenizer_config." + key, value);
}

}  // namespace

void check_pre_tokenizer(const std::string& name, const std::string& model) {
  if (name.empty()) return;
  if (!model.empty() && model != "gpt2")
    throw ConfigError("options.pre_tokenizer: '" + name +
                      "' has no meaning beside the tokenizer of this model, whose kind is '" + model +
                      "' in GGUF: only the kind 'gpt2' (byte-level BPE) has a pre-tokenizer; remove it");
  if (!gguf_pre_tokenizer(name))
    throw ConfigError("options.pre_tokenizer: '" + name +
                      "' is no pre-tokenizer that llama.cpp knows (llama-bpe, qwen2, gpt-2, ...)");
}

void add_tokenizer_metadata(ModelView& view, const Family& family, ConfigScope& scope,
                            const ModelFiles& files, const Json& config, const ViewOptions& options) {
  check_pre_tokenizer(options.pre_tokenizer, "");
  Writer writer{view, files, config, options, read_tokenizer_config(files), embedding_rows(view, files)};
  set_variables(scope, writer.tokenizer_config.json, "");
  apply_metadata_rules(family.tokenizer.before, family.gguf_architecture, scope, view.metadata);
  for (const std::string& kind : family.tokenizer.kinds) {
    const auto known =
        std::find_if(kinds().begin(), kinds().end(), [&](const auto& entry) { return entry.first == kind; });
    if (known == kinds().end())
      throw ConfigError("the family '" + family.id + "' names the unknown tokenizer kind '" + kind + "'");
    if (!known->second(writer)) continue;
    check_pre_tokenizer(options.pre_tokenizer, view.metadata.string("tokenizer.ggml.model", ""));
    scope.set("tokenizer_kind", Json(kind));
    apply_metadata_rules(family.tokenizer.after, family.gguf_architecture, scope, view.metadata);
    return;
  }
  throw FormatError(files.path().string() +
                    ": there is no tokenizer.json (or tokenizer.model) of a kind that GGUF can hold for this "
                    "family; copy the model's tokenizer files here");
}

}  // namespace pq
