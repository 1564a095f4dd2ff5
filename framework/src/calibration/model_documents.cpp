#include "calibration/model_documents.hpp"

#include "chat/conversation_renderer.hpp"
#include "forward/token_ids.hpp"

#include <polyquant/base/error.hpp>

namespace pq {
namespace {

using Tokens = std::vector<std::int32_t>;

// Templates write BOS and the like themselves, as control tokens.
constexpr EncodeOptions kOfChats{false, true};

/// Chats in the form of the model's template, which is opened when the first one comes: many models have none.
class ChatTexts {
 public:
  ChatTexts(std::shared_ptr<const ModelReader> reader, std::filesystem::path path)
      : reader_(std::move(reader)), path_(std::move(path)) {}
  std::string text(Conversation chat) {
    if (!renderer_)
      renderer_ =
          std::make_unique<ConversationRenderer>(read_model_chat(*reader_, path_), "", path_.string());
    chat.options.add_generation_prompt = false;  // nothing follows the last answer
    return renderer_->render(chat);
  }

 private:
  std::shared_ptr<const ModelReader> reader_;
  std::filesystem::path path_;
  std::unique_ptr<ConversationRenderer> renderer_;
};

std::int32_t bos_of(const TokenizerOpener& tokenizer, std::vector<std::string>& warnings) {
  try {
    const TokenizerFacts facts = tokenizer()->facts();
    return facts.adds_bos ? facts.bos : -1;
  } catch (const FormatError& error) {
    warnings.push_back(
        std::string("the samples of token ids are taken without a BOS in front, as no tokenizer says "
                    "whether the model expects one: ") +
        error.what());
    return -1;
  }
}

}  // namespace

DocumentEncoder document_encoder(const OpenedModel& model, const std::filesystem::path& path,
                                 TokenizerOpener tokenizer, std::int64_t vocabulary) {
  const auto encode = [tokenizer, vocabulary](const std::string& text, const EncodeOptions& options) {
    Tokens ids = tokenizer()->encode(text, options);
    check_tokenizer_ids(ids, vocabulary);
    return ids;
  };
  DocumentEncoder encoder;
  encoder.vocabulary = static_cast<std::int32_t>(vocabulary);
  encoder.bos = [tokenizer](std::vector<std::string>& warnings) { return bos_of(tokenizer, warnings); };
  encoder.text = [encode](const std::string& text) { return encode(text, {}); };
  const auto chats = std::make_shared<ChatTexts>(model.reader, path);
  encoder.chat = [encode, chats](const Conversation& chat) { return encode(chats->text(chat), kOfChats); };
  return encoder;
}

DocumentEncoder document_encoder(const OpenedModel& model, const std::filesystem::path& path,
                                 std::shared_ptr<const Tokenizer> tokenizer, std::int64_t vocabulary) {
  return document_encoder(
      model, path, [tokenizer] { return tokenizer; }, vocabulary);
}

}  // namespace pq
