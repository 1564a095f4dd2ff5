#include "base/json.hpp"
#include "tokenizer/pre_tokenizer.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

using namespace pq;

namespace {

std::string normalize(const char* description, const std::string& text) {
  const Json json = parse_json(description, "test");
  return make_normalizer(&json)->apply(text);
}

}  // namespace

TEST_CASE("normalizer: NFC composes and NFD decomposes", "[tokenizer]") {
  CHECK(normalize(R"({"type":"NFC"})", "e\xCC\x81") == "\xC3\xA9");
  CHECK(normalize(R"({"type":"NFD"})", "\xC3\xA9") == "e\xCC\x81");
  CHECK(normalize(R"({"type":"NFKC"})", "\xEF\xBC\xA1\xC2\xBD") ==
        "A1\xE2\x81\x84"
        "2");
}

TEST_CASE("normalizer: Lowercase, StripAccents and Strip", "[tokenizer]") {
  CHECK(normalize(R"({"type":"Lowercase"})", "A\xC3\x80\xC4\xB0") == "a\xC3\xA0i\xCC\x87");
  CHECK(normalize(R"({"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"StripAccents"}]})",
                  "\xC3\xA9") == "e");
  CHECK(normalize(R"({"type":"Strip","strip_left":true,"strip_right":true})", " \t a b\n") == "a b");
  CHECK(normalize(R"({"type":"Strip","strip_left":false,"strip_right":true})", " a ") == " a");
  CHECK(normalize(R"({"type":"Strip","strip_left":true,"strip_right":false})", "  ").empty());
}

TEST_CASE("normalizer: what is not supported is refused by name", "[tokenizer]") {
  CHECK_THROWS_WITH(normalize(R"({"type":"BertNormalizer"})", ""),
                    Catch::Matchers::Contains("'BertNormalizer'"));
  CHECK_THROWS_AS(normalize(R"({"type":"Precompiled","precompiled_charsmap":"!"})", ""), FormatError);
  CHECK_THROWS_AS(normalize(R"({"type":"Precompiled","precompiled_charsmap":"AQID"})", ""), FormatError);
}

TEST_CASE("normalizer: replacements that would fill the memory are refused", "[tokenizer]") {
  const std::string step =
      R"({"type":"Replace","pattern":{"String":"a"},"content":")" + std::string(1000, 'a') + R"("})";
  CHECK_THROWS_WITH(
      normalize((R"({"type":"Sequence","normalizers":[)" + step + "," + step + "," + step + "," + step + "]}")
                    .c_str(),
                "aaa"),
      Catch::Matchers::Contains("normalizer"));
}

TEST_CASE("normalizer: messages begin with the file", "[tokenizer]") {
  const Json json = parse_json(R"({"type":"Replace","pattern":{"Regex":"("},"content":""})", "test");
  CHECK_THROWS_WITH(make_normalizer(&json, "x/tokenizer.json"),
                    Catch::Matchers::StartsWith("x/tokenizer.json: "));
  const Json split = parse_json(R"({"type":"Split","pattern":{"Regex":"("},"behavior":"Isolated"})", "test");
  CHECK_THROWS_WITH(make_pre_tokenizer(&split, "x/tokenizer.json"),
                    Catch::Matchers::StartsWith("x/tokenizer.json: "));
}
