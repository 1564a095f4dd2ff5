#include "tokenizer/character_map.hpp"
#include "tokenizer/sentencepiece_model.hpp"
#include "tokenizer/tokenizer.hpp"
#include "tokenizer/unigram_normalizer.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

using namespace pq;

namespace {

using Type = SentencePieceModel::Type;
const std::string kMark = "\xE2\x96\x81";

SentencePieceModel model(int type) {
  SentencePieceModel result;
  result.model_type = type;
  result.pieces = {
      {"<unk>", 0, Type::unknown}, {"<s>", 0, Type::control},       {"</s>", 0, Type::control},
      {kMark, -4, Type::normal},   {"a", -5, Type::normal},         {"b", -6, Type::normal},
      {"ab", -1, Type::normal},    {kMark + "a", -2, Type::normal}, {"[x]", 0, Type::user_defined}};
  return result;
}

std::vector<std::int32_t> ids(const SentencePieceModel& pieces, const std::string& text,
                              TokenizerRules rules = {}) {
  return Tokenizer(pieces, rules, "test").encode(text);
}

}  // namespace

TEST_CASE("tokenizer.model: BPE joins by score and keeps user-defined pieces", "[tokenizer]") {
  CHECK(ids(model(2), "ab") == std::vector<std::int32_t>{3, 6});
  CHECK(ids(model(2), "a[x]b") == std::vector<std::int32_t>{7, 8, 5});
  CHECK(ids(model(2), "a  b ") == std::vector<std::int32_t>{7, 3, 5});  // blanks are removed by default
  CHECK(ids(model(2), "zz") == std::vector<std::int32_t>{3, 0});        // a run of unknown characters is one
}

TEST_CASE("tokenizer.model: Unigram takes the cut with the best sum", "[tokenizer]") {
  CHECK(ids(model(1), "ab") == std::vector<std::int32_t>{3, 6});  // -4 - 1 > -2 - 6
  CHECK(ids(model(1), "a") == std::vector<std::int32_t>{7});
}

TEST_CASE("tokenizer.model: BOS and special tokens in the text", "[tokenizer]") {
  TokenizerRules rules;
  rules.add_bos = true;
  CHECK(ids(model(2), "a</s>", rules) == std::vector<std::int32_t>{1, 7, 2});
}

TEST_CASE("tokenizer.model: word and character models are refused", "[tokenizer]") {
  CHECK_THROWS_WITH(ids(model(3), "a"), Catch::Matchers::Contains("known: 1 unigram, 2 BPE"));
}

TEST_CASE("tokenizer.model: a character map with wrong sizes is refused", "[tokenizer]") {
  CHECK_THROWS_AS(CharacterMap(std::string("\x08\0\0\0\1\2", 6), "t"), FormatError);
  CHECK_THROWS_AS(CharacterMap(std::string("\1"), "t"), FormatError);
  CHECK_FALSE(CharacterMap("", "t").longest("a"));
}

TEST_CASE("tokenizer.model: what is written comes back", "[tokenizer]") {
  SentencePieceModel written = model(1);
  written.character_map = "map";
  written.escape_whitespaces = false;
  const std::string bytes = write_sentencepiece_model(written);
  const auto back = parse_sentencepiece_model(std::as_bytes(std::span(bytes.data(), bytes.size())), "t");
  CHECK(back.character_map == "map");
  CHECK_FALSE(back.escape_whitespaces);
  CHECK(back.pieces.size() == written.pieces.size());
}

TEST_CASE("tokenizer.model: a text that ends inside a character is one with U+FFFD", "[tokenizer]") {
  const SentencePieceModel pieces = model(2);
  TokenizerRules rules;
  AddedToken token;
  token.id = 9;  // behind the pieces
  token.content = "a";
  token.rstrip = token.single_word = true;
  rules.added_tokens.push_back(token);
  CHECK(ids(pieces, "a\xF0", rules) == ids(pieces, "a\xEF\xBF\xBD", rules));
  CHECK(ids(pieces, "b \xE2\x96", rules) == ids(pieces, "b \xEF\xBF\xBD\xEF\xBF\xBD", rules));
}
