// Any bytes as tokenizer.json and as tokenizer.model: read, made into a tokenizer and used, or refused with an error of ours.
#include "tokenizer/tokenizer.hpp"

#include <polyquant/base/error.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>

namespace {

constexpr const char* kText = "Hi  <s>a\xC3\xA9 \xE2\x96\x81 12\n\xFF\xF0\x9F\x99\x82</s>";

void use(const pq::Tokenizer& tokenizer) {
  const auto ids = tokenizer.encode(kText);
  for (const std::int32_t id : ids)
    if (id < 0 || id >= tokenizer.facts().size) throw std::logic_error("a token id is out of range");
  tokenizer.decode(ids, false);
}

// As of a tokenizer_config.json that asks for everything.
pq::TokenizerRules rules() {
  pq::TokenizerRules result;
  result.bos_token = "<s>";
  result.eos_token = "</s>";
  result.unknown_token = "<unk>";
  result.add_bos = result.add_eos = true;
  pq::AddedToken token;
  for (const char* content : {"a", "\xE2\x96\x81", "12", "Hi"}) {
    token.id += 5;
    token.content = content;
    token.single_word = !token.single_word;
    token.lstrip = token.rstrip = true;
    result.added_tokens.push_back(token);
  }
  return result;
}

template <class Action>
void expect_own_errors(Action&& action) {
  try {
    action();
  } catch (const pq::Error& error) {
    if (error.exit_code() == 1) throw;  // an internal error is a defect
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  expect_own_errors([&] { use(pq::Tokenizer(pq::parse_tokenizer_json(text, "tokenizer.json"))); });
  expect_own_errors([&] { use(pq::Tokenizer(pq::parse_tokenizer_json(text, "tokenizer.json"), rules())); });
  expect_own_errors([&] {
    const auto model = pq::parse_sentencepiece_model(std::as_bytes(std::span(data, size)), "tokenizer.model");
    use(pq::Tokenizer(model, {}, "tokenizer.model"));
    use(pq::Tokenizer(model, rules(), "tokenizer.model"));
  });
  return 0;
}
