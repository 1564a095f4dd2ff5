#include "chat/conversation_renderer.hpp"

#include <polyquant/base/error.hpp>

#include <exception>

namespace pq {
namespace {

// What `action` returns; its errors get `place` in front.
template <typename Action>
auto at(const std::string& place, const Action& action) {
  try {
    return action();
  } catch (...) {
    std::throw_with_nested(FormatError(place));
  }
}

}  // namespace

std::string ConversationRenderer::render(const Conversation& conversation) {
  const ChatTemplate& chosen = choose(!conversation.options.tools.is_null());
  return at(conversation.place,
            [&] { return render_chat(chosen, chat_, conversation.messages, conversation.options); });
}

const ChatTemplate& ConversationRenderer::choose(bool has_tools) {
  const auto found = chosen_.find(has_tools);
  if (found != chosen_.end()) return found->second;
  auto parsed = at(model_, [&] { return choose_template(chat_, name_, has_tools); });
  return chosen_.emplace(has_tools, std::move(parsed)).first->second;
}

}  // namespace pq
