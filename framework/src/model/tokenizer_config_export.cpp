#include "model/tokenizer_config_export.hpp"

namespace pq {
namespace {

Json template_entry(const Metadata& metadata, const std::string& text, const std::string& kind) {
  const std::int64_t id = metadata.integer("tokenizer.ggml." + kind + "_token_id", 0);
  return json_object(
      {{"id", Json(text)}, {"ids", Json(Json::Array{Json(id)})}, {"tokens", Json(Json::Array{Json(text)})}});
}

Json byte_level_processor() {
  return json_object({{"type", Json("ByteLevel")},
                      {"add_prefix_space", Json(true)},
                      {"trim_offsets", Json(false)},
                      {"use_regex", Json(true)}});
}

// "<s> $A" for one text, "<s> $A <s> $B" for two.
Json template_processor(const Metadata& metadata, const std::string& bos, const std::string& eos) {
  Json::Array single, pair;
  for (const auto& [name, is_second] : {std::pair{"A", false}, std::pair{"B", true}}) {
    const Json type_id(is_second ? 1 : 0);
    const auto add = [&, second = is_second](Json element) {
      if (!second) single.push_back(element);
      pair.push_back(std::move(element));
    };
    const auto token = [&](const std::string& text) {
      return json_object({{"SpecialToken", json_object({{"id", Json(text)}, {"type_id", type_id}})}});
    };
    if (!bos.empty()) add(token(bos));
    add(json_object({{"Sequence", json_object({{"id", Json(name)}, {"type_id", type_id}})}}));
    if (!eos.empty()) add(token(eos));
  }
  Json table{Json::Object()};
  if (!bos.empty()) table.set(bos, template_entry(metadata, bos, "bos"));
  if (!eos.empty()) table.set(eos, template_entry(metadata, eos, "eos"));
  return json_object({{"type", Json("TemplateProcessing")},
                      {"single", Json(std::move(single))},
                      {"pair", Json(std::move(pair))},
                      {"special_tokens", std::move(table)}});
}

void add_chat_templates(const Metadata& metadata, Json& config) {
  const std::string main = metadata.string("tokenizer.chat_template", "");
  const MetaValue* names = metadata.find("tokenizer.chat_templates");
  const auto* list = names == nullptr ? nullptr : std::get_if<std::vector<std::string>>(names);
  if (list == nullptr || list->empty()) {
    if (!main.empty()) config.set("chat_template", Json(main));
    return;
  }
  Json::Array templates;
  if (!main.empty()) templates.push_back(json_object({{"name", Json("default")}, {"template", Json(main)}}));
  for (const std::string& name : *list)
    templates.push_back(json_object(
        {{"name", Json(name)}, {"template", Json(metadata.string("tokenizer.chat_template." + name, ""))}}));
  config.set("chat_template", Json(std::move(templates)));
}

Json added_tokens_decoder(const GgufTokens& tokens, const std::vector<AddedToken>& added, bool is_llama) {
  Json::Object decoder;
  for (const AddedToken& token : added)
    // Control pieces with a score of their own come from tokenizer.model.
    if (!is_llama || tokens.scores[static_cast<std::size_t>(token.id)] == kAddedScore)
      decoder.emplace_back(std::to_string(token.id), json_object({{"content", Json(token.content)},
                                                                  {"lstrip", Json(false)},
                                                                  {"normalized", Json(false)},
                                                                  {"rstrip", Json(false)},
                                                                  {"single_word", Json(false)},
                                                                  {"special", Json(token.special)}}));
  return Json(std::move(decoder));
}

// Some models pad with a token of the text ("!"): an id of config.json, which the tokenizer must not take for a special token.
bool is_plain_padding(const Metadata& metadata, const GgufTokens& tokens, const std::string& kind) {
  const std::int64_t id = metadata.integer("tokenizer.ggml." + kind + "_token_id", -1);
  return kind == "padding" && tokens.type(static_cast<std::size_t>(id)) == TokenType::normal;
}

}  // namespace

Json export_post_processor(const Metadata& metadata, const GgufTokens& tokens, bool ignore_merges,
                           bool byte_level) {
  // Without the flag llama.cpp adds BOS for the kind "llama" and for the splitters that ignore merges (llama-vocab.cpp).
  const bool default_bos = metadata.string("tokenizer.ggml.model", "") == "llama" || ignore_merges;
  const bool add_bos = tokenizer_flag(metadata, "add_bos_token").value_or(default_bos);
  const bool add_eos = tokenizer_flag(metadata, "add_eos_token").value_or(false);
  const std::string bos = add_bos ? special_token(metadata, tokens, "bos") : std::string();
  const std::string eos = add_eos ? special_token(metadata, tokens, "eos") : std::string();
  if (!bos.empty() || !eos.empty()) return template_processor(metadata, bos, eos);
  return byte_level && tokenizer_flag(metadata, "add_eos_token") ? byte_level_processor() : Json();
}

Json export_special_tokens(const Metadata& metadata, const GgufTokens& tokens) {
  constexpr std::pair<const char*, const char*> kKinds[] = {
      {"bos", "bos"},     {"eos", "eos"}, {"unknown", "unk"}, {"seperator", "sep"},
      {"padding", "pad"}, {"cls", "cls"}, {"mask", "mask"}};
  Json special{Json::Object()};
  for (const auto& [gguf, name] : kKinds)
    if (const std::string text = special_token(metadata, tokens, gguf);
        !text.empty() && !is_plain_padding(metadata, tokens, gguf))
      special.set(std::string(name) + "_token", Json(text));
  return special;
}

Json export_tokenizer_config(const Metadata& metadata, const GgufTokens& tokens,
                             const std::vector<AddedToken>& added) {
  Json config{Json::Object()};
  for (const char* key : {"add_bos_token", "add_eos_token"})
    if (const auto flag = tokenizer_flag(metadata, key)) config.set(key, Json(*flag));
  if (const auto flag = tokenizer_flag(metadata, "add_space_prefix"))
    config.set("add_prefix_space", Json(*flag));
  config.set("added_tokens_decoder",
             added_tokens_decoder(tokens, added, metadata.string("tokenizer.ggml.model", "") == "llama"));
  const Json special = export_special_tokens(metadata, tokens);
  for (const auto& [key, value] : special.object()) config.set(key, value);
  add_chat_templates(metadata, config);
  config.set("clean_up_tokenization_spaces", Json(false));
  config.set("tokenizer_class", Json("PreTrainedTokenizerFast"));
  return config;
}

}  // namespace pq
