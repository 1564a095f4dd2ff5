#include "chat/conversations.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>

namespace pq {
namespace {

void set_member(Conversation& conversation, const std::string& name, const Json& value,
                const std::string& source) {
  if (name == "messages") {
    conversation.messages = value;
  } else if (name == "tools") {
    conversation.options.tools = value;
  } else if (name == "documents") {
    conversation.options.documents = value;
  } else if (name == "add_generation_prompt") {
    if (!value.is_bool())
      throw FormatError(source + ": 'add_generation_prompt' must be true or false, not " +
                        std::string(value.kind_name()));
    conversation.options.add_generation_prompt = value.boolean();
  } else {
    conversation.options.variables.emplace_back(name, value);
  }
}

void check_messages(const Json& messages, const std::string& source) {
  if (!messages.is_array())
    throw FormatError(source + ": the messages must be a list of maps with role and content, not " +
                      std::string(messages.kind_name()));
  for (std::size_t i = 0; i < messages.array().size(); ++i) {
    const Json* role = messages.array()[i].find("role");
    if (role == nullptr || !role->is_string())
      throw FormatError(source + ": message " + std::to_string(i + 1) + " has no text 'role'");
  }
}

Conversation conversation_of(Json value, const std::string& source) {
  Conversation result;
  if (value.is_object()) {
    if (value.find("messages") == nullptr)
      throw FormatError(source + ": the map has no 'messages'; a list of messages is fine, too");
    for (const auto& [name, member] : value.object()) set_member(result, name, member, source);
  } else {
    result.messages = std::move(value);
  }
  check_messages(result.messages, source);
  result.place = source;
  return result;
}

}  // namespace

std::vector<Conversation> parse_conversations(std::string_view text, const std::string& source, bool lines) {
  if (!lines) return {conversation_of(parse_json(text, source), source)};
  std::vector<Conversation> result;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string place = source + ":" + std::to_string(number);
    result.push_back(conversation_of(parse_json(line, place), place));
  }
  return result;
}

}  // namespace pq
