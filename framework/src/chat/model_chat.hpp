// The chat templates of a model, wherever its files keep them.
#pragma once

#include "chat/chat_template.hpp"

#include <polyquant/format.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace pq {

struct NamedTemplate {
  std::string name;  // "default", "tool_use", ...
  std::string text;
  std::string source;  // file or metadata key, for messages
};

/// What a model says about chats.
struct ModelChat {
  std::vector<NamedTemplate> templates;
  Json::Object special_tokens;  // bos_token, eos_token, ... as texts
};

/// Looks where transformers looks, in its order: chat_template.jinja with additional_chat_templates/, tokenizer_config.json (one template or
/// several with names), chat_template.json; in GGUF files tokenizer.chat_template and tokenizer.chat_template.NAME. Throws FormatError for
/// broken files.
ModelChat read_model_chat(const ModelReader& reader, const std::filesystem::path& path);

/// The template of that name; without a name "tool_use" if there are tools and such a template, else "default". Throws ConfigError for a
/// name that the model does not have, and FormatError if it has no template.
ChatTemplate choose_template(const ModelChat& chat, const std::string& name, bool has_tools);

/// One conversation. The model's special tokens are variables, unless `options` sets them.
std::string render_chat(const ChatTemplate& chat_template, const ModelChat& chat, const Json& messages,
                        ChatOptions options);

}  // namespace pq
