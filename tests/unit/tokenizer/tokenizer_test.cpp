#include "tokenizer/tokenizer.hpp"
#include "base/json.hpp"
#include "golden_dir.hpp"
#include "tokenizer/pre_tokenizer.hpp"
#include "tokenizer/regex.hpp"
#include "tokenizer/unicode.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <catch2/catch.hpp>

#include <filesystem>

using namespace pq;

namespace {

std::filesystem::path tiny(const std::string& name) { return pq_test::golden_dir() / "tiny" / name; }

TokenizerJson read(const std::string& name) {
  const auto path = tiny(name) / "tokenizer.json";
  return parse_tokenizer_json(read_text_file(path, 1 << 26), path.string());
}

std::vector<std::string> words(const char* description, const std::string& text) {
  const Json json = parse_json(description, "test");
  std::vector<Word> list;
  TextPool pool;
  make_pre_tokenizer(&json)->apply({text, true}, list, pool);
  std::vector<std::string> texts;
  for (const Word& word : list) texts.emplace_back(word.text);
  return texts;
}

}  // namespace

// texts.json: ids by the tokenizers library 0.23, with special tokens.
TEST_CASE("tokenizer: ids of the tiny checkpoints' texts are those of the tokenizers library",
          "[tokenizer][golden]") {
  const Json index = parse_json(read_text_file(tiny("index.json"), 1 << 24), "index.json");
  REQUIRE(index.array().size() >= 41);
  for (const Json& checkpoint : index.array()) {
    const std::string name = checkpoint.find("name")->string();
    const Tokenizer tokenizer(read(name));
    const Json texts = parse_json(read_text_file(tiny(name) / "texts.json", 1 << 24), "texts.json");
    REQUIRE(texts.is_array());
    for (const Json& entry : texts.array()) {
      const std::string text = entry.find("text")->string();
      INFO(name << ": " << text);
      Json::Array ids;
      for (const std::int32_t id : tokenizer.encode(text)) ids.emplace_back(id);
      CHECK(Json(ids) == *entry.find("ids"));
    }
  }
}

TEST_CASE("tokenizer: decoding gives the text back", "[tokenizer]") {
  for (const char* name : {"llama", "llama-256", "gemma3", "falcon-7b", "gpt2"}) {
    const Tokenizer tokenizer(read(name));
    const std::string text = "na\xC3\xAFve 12\n\t\xF0\x9F\x99\x82 \xE6\x83\xB3 end";
    INFO(name);
    CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
  }
}

TEST_CASE("tokenizer: an id that does not exist is refused", "[tokenizer]") {
  const Tokenizer tokenizer(read("gpt2"));
  const std::vector<std::int32_t> beyond = {tokenizer.facts().size};
  CHECK_THROWS_AS(tokenizer.decode(beyond), ConfigError);
  CHECK_THROWS_AS(tokenizer.token(-1), ConfigError);
}

TEST_CASE("tokenizer: models that are not supported are refused with what is", "[tokenizer]") {
  const auto file = parse_tokenizer_json(R"({"model":{"type":"WordPiece","vocab":{"a":0}}})", "t.json");
  CHECK_THROWS_WITH(Tokenizer(file),
                    Catch::Matchers::Contains("'WordPiece'") && Catch::Matchers::Contains("BPE, Unigram"));
}

TEST_CASE("tokenizer: the fingerprint hashes the ids as Python prints them", "[tokenizer]") {
  // worked example of the converter's definition: SHA-256 of "[198, 220, 628]"
  CHECK(fingerprint({198, 220, 628}) == "c93e4faa1fc47b05aa917632cff289a9e7da2ce561e82f2622400f6c0d261090");
}

TEST_CASE("pre-tokenizer: ByteLevel maps bytes as GPT-2 does", "[tokenizer][layout]") {
  CHECK(byte_mapped(" \n\t\x7F") == "\xC4\xA0\xC4\x8A\xC4\x89\xC4\xA1");  // U+0120, U+010A, U+0109, U+0121
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  CHECK(byte_unmapped(byte_mapped(all)) == all);
}

TEST_CASE("pre-tokenizer: the behaviours of Split", "[tokenizer]") {
  // The examples of the tokenizers library's documentation of SplitDelimiterBehavior.
  const auto split = [](const std::string& behavior) {
    return words(
        (R"({"type":"Split","pattern":{"String":"-"},"invert":false,"behavior":")" + behavior + R"("})")
            .c_str(),
        "the-final--countdown");
  };
  CHECK(split("Removed") == std::vector<std::string>{"the", "final", "countdown"});
  CHECK(split("Isolated") == std::vector<std::string>{"the", "-", "final", "-", "-", "countdown"});
  CHECK(split("MergedWithPrevious") == std::vector<std::string>{"the-", "final-", "-", "countdown"});
  CHECK(split("MergedWithNext") == std::vector<std::string>{"the", "-final", "-", "-countdown"});
  CHECK(split("Contiguous") == std::vector<std::string>{"the", "-", "final", "--", "countdown"});
}

TEST_CASE("pre-tokenizer: Digits takes every numeric character", "[tokenizer]") {
  CHECK(words(R"({"type":"Digits","individual_digits":true})", "a12\xC2\xBD") ==
        std::vector<std::string>{"a", "1", "2", "\xC2\xBD"});
  CHECK(words(R"({"type":"Digits","individual_digits":false})", "a12b") ==
        std::vector<std::string>{"a", "12", "b"});
}

TEST_CASE("pre-tokenizer: Metaspace puts the mark in front and cuts before each", "[tokenizer]") {
  CHECK(words(R"({"type":"Metaspace","replacement":"_","prepend_scheme":"always","split":true})", "a b") ==
        std::vector<std::string>{"_a", "_b"});
  CHECK(words(R"({"type":"Metaspace","replacement":"_","prepend_scheme":"never","split":false})", "a b") ==
        std::vector<std::string>{"a_b"});
}

TEST_CASE("regex: white space is Unicode's, without U+180E", "[tokenizer]") {
  const Regex spaces("\\s+");
  std::vector<std::pair<std::size_t, std::size_t>> found;
  spaces.for_matches("a\xC2\x85\xE3\x80\x80\xE1\xA0\x8E",
                     [&](std::size_t begin, std::size_t end) { found.emplace_back(begin, end); });
  CHECK(found == std::vector<std::pair<std::size_t, std::size_t>>{{1, 6}});
}

TEST_CASE("regex: $ matches before every line end", "[tokenizer]") {
  std::vector<std::pair<std::size_t, std::size_t>> found;
  Regex("\\s+$").for_matches("a  \nb",
                             [&](std::size_t begin, std::size_t end) { found.emplace_back(begin, end); });
  CHECK(found == std::vector<std::pair<std::size_t, std::size_t>>{{1, 3}});
}

TEST_CASE("regex: long runs do not fail", "[tokenizer]") {
  int matches = 0;
  std::string text(100000, ' ');
  text.back() = 'x';
  Regex(kGpt2Pattern).for_matches(text, [&](std::size_t, std::size_t) { ++matches; });
  CHECK(matches == 2);
}

TEST_CASE("tokenizer.json: broken files are refused with the reason", "[tokenizer]") {
  CHECK_THROWS_WITH(parse_tokenizer_json("{}", "t.json"), Catch::Matchers::Contains("'model' is missing"));
  CHECK_THROWS_WITH(parse_tokenizer_json(R"({"model":{"vocab":{"a":-1}}})", "t.json"),
                    Catch::Matchers::Contains("wrong kind"));
  CHECK_THROWS_WITH(parse_tokenizer_json(R"({"model":{"vocab":{"a":99999999999}}})", "t.json"),
                    Catch::Matchers::Contains("wrong kind"));
  CHECK_THROWS_WITH(parse_tokenizer_json(R"({"model":{"merges":["ab"]}})", "t.json"),
                    Catch::Matchers::Contains("wrong kind"));
  CHECK_THROWS_WITH(parse_tokenizer_json(R"({"model":{"merges":[["a"]]}})", "t.json"),
                    Catch::Matchers::Contains("wrong kind"));
  CHECK_THROWS_AS(parse_tokenizer_json("[1, 2", "t.json"), FormatError);
}

TEST_CASE("tokenizer: a merge of unknown symbols is refused", "[tokenizer]") {
  const TokenizerJson json =
      parse_tokenizer_json(R"({"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]}})", "t.json");
  CHECK_THROWS_WITH(Tokenizer(json), Catch::Matchers::Contains("merge 0"));
}

TEST_CASE("unicode: invalid bytes become U+FFFD", "[tokenizer]") {
  CHECK(valid_utf8("a\xFFz") == "a\xEF\xBF\xBDz");
  CHECK(normalized("e\xCC\x81", NormalForm::nfc) == "\xC3\xA9");
}
