#include "tokenizer/tokenizer.hpp"

#include "tokenizer/added_tokens.hpp"
#include "tokenizer/bpe.hpp"
#include "tokenizer/pre_tokenizer.hpp"
#include "tokenizer/sha256.hpp"
#include "tokenizer/unicode.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

namespace pq {
namespace {

// TemplateProcessing for one text: ids before and after it.
struct Template {
  std::vector<std::int32_t> before, after;
};

void add_ids(const Json& processor, const Json& element, std::vector<std::int32_t>& ids) {
  const Json* name = element.find_path("SpecialToken.id");
  const Json* table = processor.find("special_tokens");
  const Json* entry =
      name == nullptr || !name->is_string() || table == nullptr ? nullptr : table->find(name->string());
  const Json* list = entry == nullptr ? nullptr : entry->find("ids");
  if (list == nullptr || !list->is_array())
    throw FormatError("tokenizer.json: the post-processor's template names an unknown special token");
  for (const Json& id : list->array())
    if (id.is_integer()) ids.push_back(static_cast<std::int32_t>(id.integer()));
}

void read_processor(const Json* processor, Template& result) {
  if (processor == nullptr || processor->is_null()) return;
  const Json* type = processor->find("type");
  if (type != nullptr && *type == Json("Sequence")) {
    if (const Json* list = processor->find("processors"); list != nullptr && list->is_array())
      for (const Json& item : list->array()) read_processor(&item, result);
    return;
  }
  if (type == nullptr || *type == Json("ByteLevel")) return;  // ByteLevel only trims offsets
  const Json* single = processor->find("single");
  if (*type != Json("TemplateProcessing") || single == nullptr || !single->is_array())
    throw FormatError("tokenizer.json: the post-processor '" + (type->is_string() ? type->string() : "?") +
                      "' is not supported; known: TemplateProcessing, ByteLevel, Sequence");
  bool before = true;
  for (const Json& element : single->array()) {
    if (element.find("Sequence") != nullptr)
      before = false;
    else
      add_ids(*processor, element, before ? result.before : result.after);
  }
}

}  // namespace

struct Tokenizer::Impl {
  std::unique_ptr<const Normalizer> normalizer;
  std::unique_ptr<const PreTokenizer> pre_tokenizer;
  std::unique_ptr<const Bpe> model;
  AddedTokenMatcher raw, after_normalizing;
  Template around;

  std::string normalize(std::string text) const {
    return normalizer ? normalizer->apply(std::move(text)) : text;
  }

  void encode_words(std::string_view text, bool at_start, std::vector<std::int32_t>& ids) const {
    std::vector<Word> words;
    if (pre_tokenizer)
      pre_tokenizer->apply({std::string(text), at_start}, words);
    else
      words.push_back({std::string(text), at_start});
    for (const Word& word : words)
      if (!word.text.empty()) model->encode(word.text, ids);
  }

  void encode_text(std::string_view text, std::vector<std::int32_t>& ids) const {
    const auto push = [&](std::int64_t id) { ids.push_back(static_cast<std::int32_t>(id)); };
    raw.split(
        text,
        [&](std::string_view piece, std::size_t begin) {
          const std::string normal = normalize(std::string(piece));
          after_normalizing.split(
              normal,
              [&](std::string_view part, std::size_t offset) {
                encode_words(part, begin == 0 && offset == 0, ids);
              },
              push);
        },
        push);
  }
};

Tokenizer::Tokenizer(const TokenizerJson& description) {
  if (description.model_type() != "BPE")
    throw FormatError(description.source + ": the tokenizer model '" + description.model_type() +
                      "' is not supported; known: BPE");
  auto impl = std::make_unique<Impl>();
  impl->normalizer = make_normalizer(description.rest.find("normalizer"));
  impl->pre_tokenizer = make_pre_tokenizer(description.rest.find("pre_tokenizer"));
  impl->model = std::make_unique<const Bpe>(description);
  for (const AddedToken& token : description.added_tokens) {
    if (token.normalized)
      impl->after_normalizing.add(token, impl->normalize(token.content));
    else
      impl->raw.add(token, token.content);
  }
  read_processor(description.rest.find("post_processor"), impl->around);
  impl_ = std::move(impl);
}

Tokenizer::~Tokenizer() = default;

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, bool add_special) const {
  std::vector<std::int32_t> ids;
  if (add_special) ids = impl_->around.before;
  if (is_utf8(text))
    impl_->encode_text(text, ids);
  else
    impl_->encode_text(valid_utf8(text), ids);
  if (add_special) ids.insert(ids.end(), impl_->around.after.begin(), impl_->around.after.end());
  return ids;
}

std::string fingerprint(const std::vector<std::int32_t>& ids) {
  std::string text = "[";
  for (const std::int32_t id : ids) text += (text.size() > 1 ? ", " : "") + std::to_string(id);
  text += "]";
  return sha256_hex(std::as_bytes(std::span(text)));
}

}  // namespace pq
