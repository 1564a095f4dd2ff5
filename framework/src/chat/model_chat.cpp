#include "chat/model_chat.hpp"

#include "model/gguf_tokens.hpp"
#include "model/model_files.hpp"
#include "model/tokenizer_config.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <algorithm>

namespace pq {
namespace {

constexpr std::uint64_t kMaxTemplateBytes = std::uint64_t{4} << 20;

// The names under which transformers passes special tokens to templates, and those of GGUF's ids.
constexpr std::pair<const char*, const char*> kSpecialTokens[] = {
    {"bos_token", "bos"},     {"eos_token", "eos"}, {"unk_token", "unknown"}, {"sep_token", "seperator"},
    {"pad_token", "padding"}, {"cls_token", "cls"}, {"mask_token", "mask"}};

std::string place(const ModelFiles& files, const std::string& name) { return (files.path() / name).string(); }

void add_files(const ModelFiles& files, std::vector<NamedTemplate>& out) {
  if (auto text = files.text("chat_template.jinja", kMaxTemplateBytes))
    out.push_back({"default", *std::move(text), place(files, "chat_template.jinja")});
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(files.path() / "additional_chat_templates", error))
    if (entry.path().extension() == ".jinja") names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const std::string file = "additional_chat_templates/" + name;
    if (auto text = files.text(file, kMaxTemplateBytes))
      out.push_back({name.substr(0, name.size() - 6), *std::move(text), place(files, file)});
  }
}

// A text, or a list of {"name", "template"}.
void add_member(const Json* member, const std::string& source, std::vector<NamedTemplate>& out) {
  if (member == nullptr || member->is_null()) return;
  if (member->is_string()) {
    out.push_back({"default", member->string(), source});
    return;
  }
  if (!member->is_array())
    throw FormatError(source + " must be a text or a list of named templates, not " +
                      std::string(member->kind_name()));
  for (const Json& item : member->array()) {
    const Json* name = item.find("name");
    const Json* text = item.find("template");
    if (name == nullptr || !name->is_string() || text == nullptr || !text->is_string())
      throw FormatError(source + ": an element must have the texts 'name' and 'template'");
    out.push_back({name->string(), text->string(), source + " '" + name->string() + "'"});
  }
}

// "<s>", or an added token with its content.
const Json* content_of(const Json* token) {
  if (token != nullptr && token->is_object()) token = token->find("content");
  return token != nullptr && token->is_string() ? token : nullptr;
}

ModelChat read_files(const ModelFiles& files) {
  ModelChat chat;
  const Json config = read_tokenizer_config(files).json;
  add_files(files, chat.templates);
  if (chat.templates.empty())
    add_member(config.find("chat_template"), place(files, "tokenizer_config.json") + ": chat_template",
               chat.templates);
  if (chat.templates.empty()) {
    const Json json = files.json("chat_template.json");
    add_member(json.find("chat_template"), place(files, "chat_template.json") + ": chat_template",
               chat.templates);
  }
  const Json map = files.json("special_tokens_map.json");
  for (const auto& [name, gguf] : kSpecialTokens) {
    const Json* token = content_of(config.find(name));
    if (token == nullptr) token = content_of(map.find(name));
    if (token != nullptr) chat.special_tokens.emplace_back(name, *token);
  }
  return chat;
}

ModelChat read_metadata(const Metadata& metadata, const std::string& path) {
  ModelChat chat;
  const std::string key = "tokenizer.chat_template";
  if (const std::string text = metadata.string(key, ""); !text.empty())
    chat.templates.push_back({"default", text, path + ": " + key});
  for (const auto& [name, value] : metadata.entries())
    if (name.starts_with(key + "."))
      chat.templates.push_back({name.substr(key.size() + 1), metadata.string(name, ""), path + ": " + name});
  const GgufTokens tokens = read_gguf_tokens(metadata);
  for (const auto& [name, gguf] : kSpecialTokens)
    if (std::string token = special_token(metadata, tokens, gguf); !token.empty())
      chat.special_tokens.emplace_back(name, Json(std::move(token)));
  return chat;
}

}  // namespace

ModelChat read_model_chat(const ModelReader& reader, const std::filesystem::path& path) {
  if (reader.header().dialect != Dialect::gguf) return read_files(ModelFiles(reader, path));
  try {
    return read_metadata(reader.header().metadata, path.string());
  } catch (const FormatError& error) {
    throw FormatError(path.string() + ": " + error.what());
  }
}

ChatTemplate choose_template(const ModelChat& chat, const std::string& name, bool has_tools) {
  if (chat.templates.empty())
    throw FormatError(
        "the model has no chat template; give its text without --messages, or use an instruction-tuned "
        "model");
  std::vector<std::string> names;
  for (const NamedTemplate& item : chat.templates) names.push_back(item.name);
  const auto find = [&](const std::string& wanted) -> const NamedTemplate* {
    for (const NamedTemplate& item : chat.templates)
      if (item.name == wanted) return &item;
    return nullptr;
  };
  const NamedTemplate* chosen = nullptr;
  if (!name.empty())
    chosen = find(name);
  else if (has_tools)
    chosen = find("tool_use");
  if (chosen == nullptr && name.empty()) chosen = find("default");
  if (chosen == nullptr)
    throw ConfigError("the model has no chat template '" + (name.empty() ? "default" : name) + "'" +
                      suggestion(name, names) + (name.empty() ? "; choose one by its name" : ""));
  return ChatTemplate(chosen->text, chosen->source);
}

std::string render_chat(const ChatTemplate& chat_template, const ModelChat& chat, const Json& messages,
                        ChatOptions options) {
  for (const auto& [name, value] : chat.special_tokens) {
    const bool is_set = std::any_of(options.variables.begin(), options.variables.end(),
                                    [&, &key = name](const auto& item) { return item.first == key; });
    if (!is_set) options.variables.emplace_back(name, value);
  }
  return chat_template.render(messages, options);
}

}  // namespace pq
