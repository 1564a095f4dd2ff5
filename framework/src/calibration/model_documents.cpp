#include "calibration/model_documents.hpp"

#include "chat/conversation_renderer.hpp"

namespace pq {

DocumentEncoder document_encoder(const OpenedModel& model, const std::filesystem::path& path,
                                 std::shared_ptr<const Tokenizer> tokenizer, std::int64_t vocabulary) {
  DocumentEncoder encoder;
  encoder.vocabulary = static_cast<std::int32_t>(vocabulary);
  encoder.bos = tokenizer->facts().adds_bos ? tokenizer->facts().bos : -1;
  encoder.text = [tokenizer](const std::string& text) { return tokenizer->encode(text); };
  // Opened when the first chat comes: many models have no template.
  auto renderer = std::make_shared<std::unique_ptr<ConversationRenderer>>();
  encoder.chat = [renderer, tokenizer, reader = model.reader, path](const Conversation& chat) {
    if (!*renderer)
      *renderer = std::make_unique<ConversationRenderer>(read_model_chat(*reader, path), "", path.string());
    Conversation whole = chat;
    whole.options.add_generation_prompt = false;  // nothing follows the last answer
    // Templates write BOS and the like themselves, as control tokens.
    return tokenizer->encode((*renderer)->render(whole), EncodeOptions{false, true});
  };
  return encoder;
}

}  // namespace pq
