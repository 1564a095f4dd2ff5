// Files with messages to the texts that a model's chat template makes of them.
#pragma once

#include <polyquant/format.hpp>

#include <filesystem>
#include <functional>
#include <string>

namespace pq::cli {

struct ChatRequest {
  std::string file;           // FILE.jsonl: a conversation per line; other names: one conversation
  std::string template_name;  // empty: the one that the model means
  bool generation_prompt = true;
};

/// Calls `use` with the text of each conversation, in the file's order. Throws FormatError for files that hold no conversation, models
/// without a chat template and messages that the template refuses, ConfigError for a template's name that the model does not have.
void render_conversations(const ModelReader& model, const std::filesystem::path& path,
                          const ChatRequest& request, const std::function<void(const std::string&)>& use);

}  // namespace pq::cli
