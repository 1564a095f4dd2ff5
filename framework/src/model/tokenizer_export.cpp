#include "model/tokenizer_export.hpp"

#include "base/json.hpp"
#include "model/tokenizer_metadata.hpp"
#include "tokenizer/pre_tokenizer_structure.hpp"
#include "tokenizer/sentencepiece_model.hpp"
#include "tokenizer/tokenizer_json_writer.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <unordered_set>

namespace pq {
namespace {

constexpr const char* kMetaspace = "\xE2\x96\x81";       // U+2581
constexpr const char* kBlankSymbol = "\xC4\xA0";         // U+0120
constexpr float kAddedScore = -1000.0f;                  // the converter's score of added tokens

Json object(std::initializer_list<std::pair<const char*, Json>> members) {
  Json::Object result;
  for (const auto& [key, value] : members) result.emplace_back(key, value);
  return Json(std::move(result));
}

template <class T>
const std::vector<T>* array(const Metadata& metadata, const std::string& key) {
  const MetaValue* value = metadata.find("tokenizer.ggml." + key);
  return value == nullptr ? nullptr : std::get_if<std::vector<T>>(value);
}

// "  " of user-defined tokens was a run of U+2581 before the conversion.
std::string with_metaspace(const std::string& token) {
  if (token.empty() || token.find_first_not_of(' ') != std::string::npos) return token;
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) out += kMetaspace;
  return out;
}

class Exporter {
 public:
  Exporter(const Metadata& metadata, std::vector<std::string>& warnings) : metadata_(metadata), warnings_(warnings) {}

  std::vector<SideFile> run() {
    const std::string model = metadata_.string("tokenizer.ggml.model", "");
    if (!read_tokens()) return none("the GGUF file has no tokenizer");
    if (model == "gpt2" || model == "gemma4") {
      if (!make_gpt2(model)) return none("the pre-tokenizer '" + metadata_.string("tokenizer.ggml.pre", "") + "' has no known form in tokenizer.json");
    } else if (model == "llama") {
      make_llama();
    } else {
      return none("a tokenizer of the kind '" + model + "' has no form in tokenizer.json here");
    }
    make_post_processor();
    std::vector<SideFile> files;
    files.push_back({"tokenizer.json", {}, write_tokenizer_json(parts_)});
    if (model == "llama") files.push_back({"tokenizer.model", {}, sentencepiece()});
    files.push_back({"tokenizer_config.json", {}, to_json(tokenizer_config(model)) + "\n"});
    files.push_back({"special_tokens_map.json", {}, to_json(special_tokens_) + "\n"});
    return files;
  }

 private:
  std::vector<SideFile> none(const std::string& reason) {
    warnings_.push_back(reason + "; copy the original tokenizer files into the folder");
    return {};
  }

  bool read_tokens() {
    const auto* tokens = array<std::string>(metadata_, "tokens");
    if (tokens == nullptr || tokens->empty()) return false;
    tokens_ = *tokens;
    types_.assign(tokens_.size(), static_cast<std::int32_t>(TokenType::normal));
    scores_.assign(tokens_.size(), 0.0f);
    if (const auto* types = array<std::int32_t>(metadata_, "token_type")) types_ = *types;
    if (const auto* scores = array<float>(metadata_, "scores")) scores_ = *scores;
    if (types_.size() != tokens_.size() || scores_.size() != tokens_.size())
      throw FormatError("GGUF metadata: tokenizer.ggml.tokens has " + std::to_string(tokens_.size()) + " entries, token_type " +
                        std::to_string(types_.size()) + " and scores " + std::to_string(scores_.size()) + "; they must agree");
    return true;
  }

  TokenType type(std::size_t id) const { return static_cast<TokenType>(types_[id]); }
  bool is_added(std::size_t id) const { return type(id) == TokenType::control || type(id) == TokenType::user_defined; }

  // Everything but padding; the ids of added tokens hold only if they are in the vocabulary too.
  void make_vocab() {
    std::unordered_set<std::string> seen;
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      if (type(id) == TokenType::unused) continue;
      if (!seen.insert(tokens_[id]).second)
        throw FormatError("GGUF metadata: tokenizer.ggml.tokens has '" + tokens_[id] + "' twice");
      parts_.vocab.emplace_back(tokens_[id], static_cast<std::int64_t>(id));
      if (is_added(id)) parts_.added_tokens.push_back({static_cast<std::int64_t>(id), tokens_[id], type(id) == TokenType::control});
    }
  }

  void undo_blanks() {
    for (std::size_t id = 0; id < tokens_.size(); ++id)
      if (type(id) == TokenType::user_defined) tokens_[id] = with_metaspace(tokens_[id]);
  }

  bool make_gpt2(const std::string& model) {
    const auto known = pre_tokenizer_parts(metadata_.string("tokenizer.ggml.pre", model == "gemma4" ? "gemma4" : "default"));
    if (!known) return false;
    parts_.normalizer = known->normalizer;
    parts_.pre_tokenizer = known->pre_tokenizer;
    parts_.ignore_merges = known->ignore_merges;
    if (known->metaspace) {
      undo_blanks();
      make_metaspace_model(false);
    } else {
      parts_.decoder = object({{"type", Json("ByteLevel")}, {"add_prefix_space", Json(true)}, {"trim_offsets", Json(true)}, {"use_regex", Json(true)}});
    }
    make_vocab();
    read_merges(known->metaspace);
    return true;
  }

  void read_merges(bool metaspace) {
    const auto* merges = array<std::string>(metadata_, "merges");
    if (merges == nullptr) return;
    for (const std::string& merge : *merges) {
      const std::size_t blank = merge.find(' ', 1);
      if (blank == std::string::npos) throw FormatError("GGUF metadata: tokenizer.ggml.merges has an entry without a blank: '" + merge + "'");
      std::string left = merge.substr(0, blank), right = merge.substr(blank + 1);
      if (metaspace) {
        left = with_real_blanks(left);
        right = with_real_blanks(right);
      }
      parts_.merges.push_back({left + right, static_cast<std::uint32_t>(left.size())});
    }
  }

  // Only pieces that are no tokens as they stand had blanks.
  std::string with_real_blanks(const std::string& symbol) {
    if (symbol.find(kBlankSymbol) == std::string::npos) return symbol;
    if (std::find(tokens_.begin(), tokens_.end(), symbol) != tokens_.end()) return symbol;
    std::string out;
    for (std::size_t at = 0; at < symbol.size();) {
      const bool blank = symbol.compare(at, 2, kBlankSymbol) == 0;
      out += blank ? ' ' : symbol[at];
      at += blank ? 2 : 1;
    }
    return out;
  }

  void make_metaspace_model(bool strip) {
    const std::int64_t unknown = metadata_.integer("tokenizer.ggml.unknown_token_id", -1);
    if (unknown >= 0 && unknown < static_cast<std::int64_t>(tokens_.size())) parts_.unk_token = tokens_[static_cast<std::size_t>(unknown)];
    parts_.fuse_unk = parts_.byte_fallback = true;
    Json::Array steps = {object({{"type", Json("Replace")}, {"pattern", object({{"String", Json(kMetaspace)}})}, {"content", Json(" ")}}),
                         object({{"type", Json("ByteFallback")}}), object({{"type", Json("Fuse")}})};
    if (strip) steps.push_back(object({{"type", Json("Strip")}, {"content", Json(" ")}, {"start", Json(1)}, {"stop", Json(0)}}));
    parts_.decoder = object({{"type", Json("Sequence")}, {"decoders", Json(std::move(steps))}});
  }

  void make_llama() {
    undo_blanks();
    const bool prefix = metadata_.boolean("tokenizer.ggml.add_space_prefix", true);
    const Json replace = object({{"type", Json("Replace")}, {"pattern", object({{"String", Json(" ")}})}, {"content", Json(kMetaspace)}});
    const Json prepend = object({{"type", Json("Prepend")}, {"prepend", Json(kMetaspace)}});
    parts_.normalizer = prefix ? object({{"type", Json("Sequence")}, {"normalizers", Json(Json::Array{prepend, replace})}}) : replace;
    make_metaspace_model(prefix);
    make_vocab();
    std::vector<float> scores;
    for (const auto& entry : parts_.vocab) {
      const auto id = static_cast<std::size_t>(entry.second);
      scores.push_back(is_added(id) ? 0.0f : scores_[id]);
    }
    parts_.merges = merges_from_scores(parts_.vocab, scores);
    warnings_.push_back("the merges of tokenizer.json are computed from the scores of a SentencePiece vocabulary: the same tokens in practice, not by construction");
  }

  // The file's own scores and types, so that a conversion back gives them again.
  std::string sentencepiece() const {
    SentencePieceModel model;
    model.model_type = 2;
    model.byte_fallback = std::find(types_.begin(), types_.end(), static_cast<std::int32_t>(TokenType::byte)) != types_.end();
    model.add_dummy_prefix = metadata_.boolean("tokenizer.ggml.add_space_prefix", true);
    model.remove_extra_whitespaces = metadata_.boolean("tokenizer.ggml.remove_extra_whitespaces", false);
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      const bool known = types_[id] >= 1 && types_[id] <= 6;
      const bool as_normal = !known || type(id) == TokenType::user_defined;
      model.pieces.push_back({tokens_[id], scores_[id], as_normal ? SentencePieceModel::Type::normal : static_cast<SentencePieceModel::Type>(types_[id])});
    }
    return write_sentencepiece_model(model);
  }

  std::string special(const char* key) const {
    const std::int64_t id = metadata_.integer(std::string("tokenizer.ggml.") + key + "_token_id", -1);
    return id >= 0 && id < static_cast<std::int64_t>(tokens_.size()) ? tokens_[static_cast<std::size_t>(id)] : std::string();
  }
  std::optional<bool> adds(const char* kind) const {
    const MetaValue* value = metadata_.find(std::string("tokenizer.ggml.add_") + kind + "_token");
    const bool* flag = value == nullptr ? nullptr : std::get_if<bool>(value);
    return flag == nullptr ? std::nullopt : std::optional(*flag);
  }

  void make_post_processor() {
    const std::string bos = special("bos"), eos = special("eos");
    const bool add_bos = adds("bos").value_or(default_add_bos()) && !bos.empty(), add_eos = adds("eos").value_or(false) && !eos.empty();
    if (!add_bos && !add_eos) {
      if (adds("eos").has_value() && parts_.unk_token.empty())
        parts_.post_processor = object({{"type", Json("ByteLevel")}, {"add_prefix_space", Json(true)}, {"trim_offsets", Json(false)}, {"use_regex", Json(true)}});
      return;
    }
    Json::Array single, pair;
    Json table{Json::Object()};
    for (const auto& [name, is_second] : {std::pair{"A", false}, std::pair{"B", true}}) {
      const Json type_id(is_second ? 1 : 0);
      const auto add = [&](Json element) {
        if (!is_second) single.push_back(element);
        pair.push_back(std::move(element));
      };
      const auto token = [&](const std::string& text) { return object({{"SpecialToken", object({{"id", Json(text)}, {"type_id", type_id}})}}); };
      if (add_bos) add(token(bos));
      add(object({{"Sequence", object({{"id", Json(name)}, {"type_id", type_id}})}}));
      if (add_eos) add(token(eos));
    }
    if (add_bos) table.set(bos, entry(bos, "bos"));
    if (add_eos) table.set(eos, entry(eos, "eos"));
    parts_.post_processor = object({{"type", Json("TemplateProcessing")}, {"single", Json(single)}, {"pair", Json(pair)}, {"special_tokens", table}});
  }

  Json entry(const std::string& text, const char* kind) const {
    const std::int64_t id = metadata_.integer(std::string("tokenizer.ggml.") + kind + "_token_id", 0);
    return object({{"id", Json(text)}, {"ids", Json(Json::Array{Json(id)})}, {"tokens", Json(Json::Array{Json(text)})}});
  }

  // What llama.cpp assumes when the key is absent (llama-vocab.cpp).
  bool default_add_bos() const {
    return metadata_.string("tokenizer.ggml.model", "") == "llama" || parts_.ignore_merges;
  }

  Json tokenizer_config(const std::string& model) {
    Json config{Json::Object()};
    special_tokens_ = Json(Json::Object());
    for (const char* kind : {"bos", "eos"})
      if (const auto flag = adds(kind)) config.set(std::string("add_") + kind + "_token", Json(*flag));
    if (const MetaValue* prefix = metadata_.find("tokenizer.ggml.add_space_prefix"); prefix != nullptr && std::holds_alternative<bool>(*prefix))
      config.set("add_prefix_space", Json(std::get<bool>(*prefix)));
    Json decoder{Json::Object()};
    for (const AddedToken& token : parts_.added_tokens)
      if (model != "llama" || scores_[static_cast<std::size_t>(token.id)] == kAddedScore)
        decoder.set(std::to_string(token.id), object({{"content", Json(token.content)}, {"lstrip", Json(false)}, {"normalized", Json(false)},
                                                      {"rstrip", Json(false)}, {"single_word", Json(false)}, {"special", Json(token.special)}}));
    config.set("added_tokens_decoder", std::move(decoder));
    constexpr std::pair<const char*, const char*> kKinds[] = {{"bos", "bos"}, {"eos", "eos"}, {"unknown", "unk"}, {"seperator", "sep"},
                                                              {"padding", "pad"}, {"cls", "cls"}, {"mask", "mask"}};
    for (const auto& [gguf, name] : kKinds) {
      const std::string text = special(gguf);
      if (text.empty()) continue;
      config.set(std::string(name) + "_token", Json(text));
      special_tokens_.set(std::string(name) + "_token", Json(text));
    }
    add_chat_templates(config);
    config.set("clean_up_tokenization_spaces", Json(false));
    config.set("tokenizer_class", Json("PreTrainedTokenizerFast"));
    return config;
  }

  void add_chat_templates(Json& config) const {
    const MetaValue* names = metadata_.find("tokenizer.chat_templates");
    const std::string main = metadata_.string("tokenizer.chat_template", "");
    const auto* list = names == nullptr ? nullptr : std::get_if<std::vector<std::string>>(names);
    if (list == nullptr || list->empty()) {
      if (!main.empty()) config.set("chat_template", Json(main));
      return;
    }
    Json::Array templates;
    if (!main.empty()) templates.push_back(object({{"name", Json("default")}, {"template", Json(main)}}));
    for (const std::string& name : *list)
      templates.push_back(object({{"name", Json(name)}, {"template", Json(metadata_.string("tokenizer.chat_template." + name, ""))}}));
    config.set("chat_template", Json(std::move(templates)));
  }

  const Metadata& metadata_;
  std::vector<std::string>& warnings_;
  std::vector<std::string> tokens_;
  std::vector<std::int32_t> types_;
  std::vector<float> scores_;
  TokenizerParts parts_;
  Json special_tokens_;
};

}  // namespace

std::vector<SideFile> export_tokenizer(const Metadata& metadata, std::vector<std::string>& warnings) {
  return Exporter(metadata, warnings).run();
}

}  // namespace pq
