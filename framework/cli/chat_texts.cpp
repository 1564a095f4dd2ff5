#include "chat_texts.hpp"

#include "chat/conversation_renderer.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

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

}  // namespace

void render_conversations(const ModelReader& model, const std::filesystem::path& path,
                          const ChatRequest& request, const std::function<void(const std::string&)>& use) {
  ConversationRenderer templates(read_model_chat(model, path), request.template_name, path.string());
  for (Conversation& conversation : read_conversations(request.file)) {
    if (!request.generation_prompt) conversation.options.add_generation_prompt = false;
    use(templates.render(conversation));
  }
}

}  // namespace pq::cli
