// Files with messages: one conversation as JSON, or one per line.
#pragma once

#include "chat/chat_template.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pq {

struct Conversation {
  Json messages;
  ChatOptions options;  // what the file says besides
  std::string place;    // SOURCE or SOURCE:LINE, for messages
};

/// `text` is a list of messages; or an object with "messages", in which "tools", "documents" and "add_generation_prompt" have their meaning
/// and every other member is a variable of the template; or (`lines`) one such value per line, empty lines apart. Throws FormatError
/// "SOURCE: ..." or "SOURCE:LINE: ...".
std::vector<Conversation> parse_conversations(std::string_view text, const std::string& source, bool lines);

}  // namespace pq
