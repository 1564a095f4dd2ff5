#include "model/tokenizer_export.hpp"

#include "base/json.hpp"
#include "model/gguf_tokens.hpp"
#include "model/tokenizer_config_export.hpp"
#include "tokenizer/pre_tokenizer_structure.hpp"
#include "tokenizer/sentencepiece_model.hpp"
#include "tokenizer/tokenizer_json_writer.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_set>

namespace pq {
namespace {

constexpr const char* kMetaspace = "\xE2\x96\x81";  // U+2581
constexpr const char* kBlankSymbol = "\xC4\xA0";    // U+0120

// "  " of user-defined tokens was a run of U+2581 before the conversion.
std::string with_metaspace(const std::string& token) {
  if (token.empty() || token.find_first_not_of(' ') != std::string::npos) return token;
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) out += kMetaspace;
  return out;
}

class Exporter {
 public:
  Exporter(const Metadata& metadata, std::vector<std::string>& warnings)
      : metadata_(metadata), warnings_(warnings), tokens_(read_gguf_tokens(metadata)) {}

  std::vector<SideFile> run() {
    if (tokens_.size() == 0) return none("the GGUF file has no tokenizer");
    check_texts();
    const std::string model = metadata_.string("tokenizer.ggml.model", "");
    // Some writers keep the original file in the metadata (GGUF specification, tokenizer.huggingface.json).
    std::string text = metadata_.string("tokenizer.huggingface.json", "");
    if (text.empty()) {
      if (const auto reason = make_parts(model)) return none(*reason);
      text = write_tokenizer_json(parts_);
    } else {
      parse_tokenizer_json(text, "tokenizer.huggingface.json");
      if (model == "llama") undo_blanks();
      find_added();
    }
    std::vector<SideFile> files;
    files.push_back({"tokenizer.json", {}, std::move(text)});
    if (model == "llama") files.push_back({"tokenizer.model", {}, sentencepiece()});
    files.push_back({"tokenizer_config.json",
                     {},
                     to_json(export_tokenizer_config(metadata_, tokens_, parts_.added_tokens)) + "\n"});
    files.push_back(
        {"special_tokens_map.json", {}, to_json(export_special_tokens(metadata_, tokens_)) + "\n"});
    return files;
  }

 private:
  std::vector<SideFile> none(const std::string& reason) {
    warnings_.push_back(reason + "; copy the original tokenizer files into the folder");
    return {};
  }

  // JSON holds nothing else, and what replaced a broken text would be another token.
  void check_texts() const {
    const auto check = [](const std::string& text, const std::string& key) {
      if (!is_utf8(text))
        throw FormatError(key + " is not valid UTF-8 text, so it has no form in the tokenizer's JSON files");
    };
    for (std::size_t id = 0; id < tokens_.size(); ++id)
      if (!is_utf8(tokens_.tokens[id]))
        check(tokens_.tokens[id], "tokenizer.ggml.tokens: the token " + std::to_string(id));
    for (const auto& [key, value] : metadata_.entries()) {
      const auto* text = key.starts_with("tokenizer.") ? std::get_if<std::string>(&value) : nullptr;
      if (text != nullptr) check(*text, key);
    }
    for (const char* name : {"tokenizer.ggml.merges", "tokenizer.chat_templates"}) {
      const MetaValue* value = metadata_.find(name);
      const auto* list = value == nullptr ? nullptr : std::get_if<std::vector<std::string>>(value);
      for (std::size_t i = 0; list != nullptr && i < list->size(); ++i)
        if (!is_utf8((*list)[i])) check((*list)[i], std::string(name) + ": the entry " + std::to_string(i));
    }
  }

  // The reason why there is no form, if there is none.
  std::optional<std::string> make_parts(const std::string& model) {
    if (model == "gpt2" || model == "gemma4") {
      if (!make_gpt2(model))
        return "the pre-tokenizer '" + metadata_.string("tokenizer.ggml.pre", "") +
               "' has no known form in tokenizer.json";
    } else if (model == "llama") {
      make_llama();
    } else {
      return "a tokenizer of the kind '" + model + "' has no form in tokenizer.json here";
    }
    parts_.post_processor =
        export_post_processor(metadata_, tokens_, parts_.ignore_merges, !parts_.byte_fallback);
    return std::nullopt;
  }

  void find_added() {
    for (std::size_t id = 0; id < tokens_.size(); ++id)
      if (tokens_.is_added(id))
        parts_.added_tokens.push_back(
            {static_cast<std::int64_t>(id), tokens_.tokens[id], tokens_.type(id) == TokenType::control});
  }

  // Everything but padding; the ids of added tokens hold only if they are in the vocabulary too.
  void make_vocab() {
    std::unordered_set<std::string_view> seen;
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      if (tokens_.type(id) == TokenType::unused) continue;
      if (!seen.insert(tokens_.tokens[id]).second)
        throw FormatError("tokenizer.ggml.tokens has '" + tokens_.tokens[id] + "' twice");
      parts_.vocab.emplace_back(tokens_.tokens[id], static_cast<std::int64_t>(id));
    }
    find_added();
  }

  void undo_blanks() {
    for (std::size_t id = 0; id < tokens_.size(); ++id)
      if (tokens_.type(id) == TokenType::user_defined)
        tokens_.tokens[id] = with_metaspace(tokens_.tokens[id]);
  }

  bool make_gpt2(const std::string& model) {
    const auto known =
        pre_tokenizer_parts(metadata_.string("tokenizer.ggml.pre", model == "gemma4" ? "gemma4" : "default"));
    if (!known) return false;
    parts_.normalizer = known->normalizer;
    parts_.pre_tokenizer = known->pre_tokenizer;
    parts_.ignore_merges = known->ignore_merges;
    if (known->metaspace) {
      undo_blanks();
      make_metaspace_model(false);
    } else {
      parts_.decoder = json_object({{"type", Json("ByteLevel")},
                                    {"add_prefix_space", Json(true)},
                                    {"trim_offsets", Json(true)},
                                    {"use_regex", Json(true)}});
    }
    make_vocab();
    read_merges(known->metaspace);
    return true;
  }

  void read_merges(bool metaspace) {
    const auto* merges = tokenizer_array<std::string>(metadata_, "merges");
    if (merges == nullptr) return;
    const std::unordered_set<std::string_view> known(tokens_.tokens.begin(), tokens_.tokens.end());
    for (const std::string& merge : *merges) {
      const std::size_t blank = merge.find(' ', 1);
      if (blank == std::string::npos)
        throw FormatError("tokenizer.ggml.merges has an entry without a blank: '" + merge + "'");
      std::string left = merge.substr(0, blank), right = merge.substr(blank + 1);
      if (metaspace) {
        left = with_real_blanks(left, known);
        right = with_real_blanks(right, known);
      }
      parts_.merges.push_back({left + right, static_cast<std::uint32_t>(left.size())});
    }
  }

  // Only pieces that are no tokens as they stand had blanks.
  static std::string with_real_blanks(const std::string& symbol,
                                      const std::unordered_set<std::string_view>& known) {
    if (symbol.find(kBlankSymbol) == std::string::npos || known.contains(symbol)) return symbol;
    std::string out;
    for (std::size_t at = 0; at < symbol.size();) {
      const bool blank = symbol.compare(at, 2, kBlankSymbol) == 0;
      out += blank ? ' ' : symbol[at];
      at += blank ? 2 : 1;
    }
    return out;
  }

  void make_metaspace_model(bool strip) {
    parts_.unk_token = special_token(metadata_, tokens_, "unknown");
    parts_.fuse_unk = parts_.byte_fallback = true;
    Json::Array steps = {json_object({{"type", Json("Replace")},
                                      {"pattern", json_object({{"String", Json(kMetaspace)}})},
                                      {"content", Json(" ")}}),
                         json_object({{"type", Json("ByteFallback")}}),
                         json_object({{"type", Json("Fuse")}})};
    if (strip)
      steps.push_back(json_object(
          {{"type", Json("Strip")}, {"content", Json(" ")}, {"start", Json(1)}, {"stop", Json(0)}}));
    parts_.decoder = json_object({{"type", Json("Sequence")}, {"decoders", Json(std::move(steps))}});
  }

  void make_llama() {
    undo_blanks();
    const bool prefix = metadata_.boolean("tokenizer.ggml.add_space_prefix", true);
    const Json replace = json_object({{"type", Json("Replace")},
                                      {"pattern", json_object({{"String", Json(" ")}})},
                                      {"content", Json(kMetaspace)}});
    const Json prepend = json_object({{"type", Json("Prepend")}, {"prepend", Json(kMetaspace)}});
    parts_.normalizer =
        prefix
            ? json_object({{"type", Json("Sequence")}, {"normalizers", Json(Json::Array{prepend, replace})}})
            : replace;
    make_metaspace_model(prefix);
    make_vocab();
    std::vector<float> scores;
    for (const auto& entry : parts_.vocab) {
      const auto id = static_cast<std::size_t>(entry.second);
      scores.push_back(tokens_.is_added(id) ? 0.0f : tokens_.scores[id]);
    }
    parts_.merges = merges_from_scores(parts_.vocab, scores);
    warnings_.push_back(
        "the merges of tokenizer.json are computed from the scores of a SentencePiece vocabulary: the same "
        "tokens in practice, not by construction");
  }

  // The file's own scores and types, so that a conversion back gives them again.
  std::string sentencepiece() const {
    SentencePieceModel model;
    model.model_type = 2;
    model.byte_fallback = std::find(tokens_.types.begin(), tokens_.types.end(),
                                    static_cast<std::int32_t>(TokenType::byte)) != tokens_.types.end();
    model.add_dummy_prefix = metadata_.boolean("tokenizer.ggml.add_space_prefix", true);
    model.remove_extra_whitespaces = metadata_.boolean("tokenizer.ggml.remove_extra_whitespaces", false);
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      const bool known = tokens_.types[id] >= 1 && tokens_.types[id] <= 6;
      const bool as_normal = !known || tokens_.type(id) == TokenType::user_defined;
      model.pieces.push_back({tokens_.tokens[id], tokens_.scores[id],
                              as_normal ? SentencePieceModel::Type::normal
                                        : static_cast<SentencePieceModel::Type>(tokens_.types[id])});
    }
    return write_sentencepiece_model(model);
  }

  const Metadata& metadata_;
  std::vector<std::string>& warnings_;
  GgufTokens tokens_;
  TokenizerParts parts_;
};

}  // namespace

std::vector<SideFile> export_tokenizer(const Metadata& metadata, const std::string& source,
                                       std::vector<std::string>& warnings) {
  try {
    return Exporter(metadata, warnings).run();
  } catch (const FormatError& error) {
    throw FormatError(source + ": " + error.what());
  }
}

}  // namespace pq
