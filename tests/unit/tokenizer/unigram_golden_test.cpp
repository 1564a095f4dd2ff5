// Unigram vocabularies with a precompiled character map: what the tokenizers library and llama.cpp make of texts (tests/golden/unigram.json).
#include "base/json.hpp"
#include "golden_dir.hpp"
#include "tokenizer/gguf_vocabulary.hpp"
#include "tokenizer/pre_tokenizer.hpp"
#include "tokenizer/tokenizer.hpp"

#include <polyquant/base/file.hpp>

#include <catch2/catch.hpp>

using namespace pq;

namespace {

const Json& golden() {
  static const Json kGolden =
      parse_json(read_text_file(pq_test::golden_dir() / "unigram.json", 1 << 20), "unigram.json");
  return kGolden;
}

std::vector<std::uint8_t> from_base64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<std::uint8_t> bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<std::uint32_t>(digits.find(c));
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<std::uint8_t>(bits >> count & 255));
  }
  return bytes;
}

Metadata t5_metadata(const Json& options) {
  const Json& vocabulary = *golden().find("vocabulary");
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types;
  std::vector<float> scores;
  for (const Json& token : vocabulary.find("tokens")->array()) tokens.push_back(token.string());
  for (const Json& type : vocabulary.find("types")->array())
    types.push_back(static_cast<std::int32_t>(type.integer()));
  for (const Json& score : vocabulary.find("scores")->array())
    scores.push_back(static_cast<float>(score.number()));
  Metadata metadata;
  metadata.set("tokenizer.ggml.model", std::string("t5"));
  metadata.set("tokenizer.ggml.pre", std::string("default"));
  metadata.set("tokenizer.ggml.tokens", std::move(tokens));
  metadata.set("tokenizer.ggml.token_type", std::move(types));
  metadata.set("tokenizer.ggml.scores", std::move(scores));
  metadata.set("tokenizer.ggml.eos_token_id", std::uint32_t{1});
  metadata.set("tokenizer.ggml.unknown_token_id", std::uint32_t{2});
  metadata.set("tokenizer.ggml.padding_token_id", std::uint32_t{0});
  for (const char* key : {"add_space_prefix", "remove_extra_whitespaces"})
    metadata.set(std::string("tokenizer.ggml.") + key, options.find(key)->boolean());
  metadata.set("tokenizer.ggml.precompiled_charsmap", from_base64(golden().find("charsmap")->string()));
  return metadata;
}

}  // namespace

TEST_CASE("precompiled normalizer: texts become what the tokenizers library makes of them",
          "[tokenizer][golden]") {
  const Json description = parse_json(
      R"({"type":"Precompiled","precompiled_charsmap":")" + golden().find("charsmap")->string() + "\"}",
      "test");
  const auto normalizer = make_normalizer(&description);
  for (const Json& item : golden().find("normalized")->array()) {
    INFO(item.array()[0].string());
    CHECK(normalizer->apply(item.array()[0].string()) == item.array()[1].string());
  }
}

TEST_CASE("gguf tokenizer: kind t5 with a character map gives the ids of llama.cpp",
          "[tokenizer][gguf][golden]") {
  const Json& texts = *golden().find("normalized");
  for (const Json& options : golden().find("t5")->array()) {
    const Tokenizer tokenizer(read_gguf_vocabulary(t5_metadata(options), "test"));
    const Json& expected = *options.find("ids");
    for (std::size_t i = 0; i < texts.array().size(); ++i) {
      INFO(texts.array()[i].array()[0].string());
      std::vector<std::int32_t> ids;
      for (const Json& id : expected.array()[i].array())
        ids.push_back(static_cast<std::int32_t>(id.integer()));
      CHECK(tokenizer.encode(texts.array()[i].array()[0].string()) == ids);
    }
  }
}
