// Chat templates: messages to the text that a model was trained on.
#pragma once

#include "base/json.hpp"
#include "chat/limits.hpp"

#include <polyquant/base/export.hpp>

#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace pq {

/// What a rendering is made of beside the messages.
struct ChatOptions {
  bool add_generation_prompt = true;  // ends with the begin of an answer
  Json tools;                         // list of tools in JSON schema, or null
  Json documents;                     // list of documents, or null
  /// Further variables, such as bos_token or enable_thinking; they win over all others.
  Json::Object variables;
  /// The moment that strftime_now() shows; nothing = now.
  std::optional<std::tm> now;
};

/// A parsed template: the subset of Jinja that docs/reference/chat-templates.md lists, with the settings and additions of transformers.
/// Immutable, callable from any thread.
class PQ_API ChatTemplate {
 public:
  /// `source` names the template in messages. Throws FormatError "SOURCE: line N: ..." for what is broken or not supported.
  ChatTemplate(std::string_view text, std::string source, jinja::Limits limits = {});
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  /// `messages` is a list of maps with "role" and "content". Throws FormatError, also where the template itself refuses the messages.
  std::string render(const Json& messages, const ChatOptions& options) const;

 private:
  struct Parsed;
  std::unique_ptr<const Parsed> parsed_;
};

}  // namespace pq
