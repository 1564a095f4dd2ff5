#include "chat_texts.hpp"

#include "chat/conversations.hpp"
#include "chat/model_chat.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <exception>
#include <map>

namespace pq::cli {
namespace {

constexpr std::uint64_t kMaxMessagesBytes = std::uint64_t{256} << 20;

std::vector<Conversation> read_conversations(const std::filesystem::path& file) {
  const bool lines = file.extension() == ".jsonl";
  auto all = parse_conversations(read_text_file(file, kMaxMessagesBytes), file.string(), lines);
  if (all.empty())
    throw FormatError(file.string() + ": there is no conversation; give one list of messages per line");
  return all;
}

// What `action` returns; its errors get `place` in front.
template <typename Action>
auto at(const std::string& place, const Action& action) {
  try {
    return action();
  } catch (...) {
    std::throw_with_nested(FormatError(place));
  }
}

// The templates of one run, each parsed once.
class Templates {
 public:
  Templates(ModelChat chat, std::string name, std::string model)
      : chat_(std::move(chat)), name_(std::move(name)), model_(std::move(model)) {}

  std::string render(const Conversation& conversation) {
    const ChatTemplate& chosen = choose(!conversation.options.tools.is_null());
    return at(conversation.place,
              [&] { return render_chat(chosen, chat_, conversation.messages, conversation.options); });
  }

 private:
  const ChatTemplate& choose(bool has_tools) {
    const auto found = chosen_.find(has_tools);
    if (found != chosen_.end()) return found->second;
    auto parsed = at(model_, [&] { return choose_template(chat_, name_, has_tools); });
    return chosen_.emplace(has_tools, std::move(parsed)).first->second;
  }

  ModelChat chat_;
  std::string name_, model_;
  std::map<bool, ChatTemplate> chosen_;  // without and with tools
};

}  // namespace

void render_conversations(const ModelReader& model, const std::filesystem::path& path,
                          const ChatRequest& request, const std::function<void(const std::string&)>& use) {
  Templates templates(read_model_chat(model, path), request.template_name, path.string());
  for (Conversation& conversation : read_conversations(request.file)) {
    if (!request.generation_prompt) conversation.options.add_generation_prompt = false;
    use(templates.render(conversation));
  }
}

}  // namespace pq::cli
