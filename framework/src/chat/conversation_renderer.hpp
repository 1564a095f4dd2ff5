// Conversations to the texts that a model's chat templates make of them.
#pragma once

#include "chat/conversations.hpp"
#include "chat/model_chat.hpp"

#include <map>
#include <string>

namespace pq {

/// Parses each template once. One caller at a time.
class ConversationRenderer {
 public:
  /// `name`: of the template, empty for the one that the model means; `model` is named in messages.
  ConversationRenderer(ModelChat chat, std::string name, std::string model)
      : chat_(std::move(chat)), name_(std::move(name)), model_(std::move(model)) {}

  /// Throws FormatError "PLACE: ..." if the template refuses the messages or the model has none, ConfigError for a name that it does not have.
  std::string render(const Conversation& conversation);

 private:
  const ChatTemplate& choose(bool has_tools);

  ModelChat chat_;
  std::string name_, model_;
  std::map<bool, ChatTemplate> chosen_;  // without and with tools
};

}  // namespace pq
