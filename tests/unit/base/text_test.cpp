#include <polyquant/base/shape.hpp>
#include <polyquant/base/text.hpp>

#include <catch2/catch.hpp>

using namespace pq;

TEST_CASE("nearest: finds a misspelt name, also with swapped letters", "[base][unit]") {
  const std::vector<std::string> names = {"block", "damp", "act_order"};
  CHECK(nearest("blok", names) == "block");
  CHECK(nearest("dmap", names) == "damp");
  CHECK(nearest("actorder", names) == "act_order");
}

TEST_CASE("nearest: knows names in upper case and beginnings of names", "[base][unit]") {
  const std::vector<std::string> recipes = {"q2_k", "q4_k_m", "q4_k_s", "q8_0"};
  CHECK(nearest("Q4_K_S", recipes) == "q4_k_s");
  CHECK(nearest("q4_k", recipes) == "q4_k_m");
  CHECK(nearest("q2_k", recipes) == "q2_k");
  CHECK(nearest("q2_kk", recipes) == "q2_k");
  CHECK(nearest("q4km", recipes) == "q4_k_m");
  CHECK(nearest("Q4-K-S", recipes) == "q4_k_s");
  CHECK(nearest("q4k", recipes) == "q4_k_m");
  CHECK(nearest("q2k", recipes) == "q2_k");
}

TEST_CASE("nearest: has no answer for a name that is too different", "[base][unit]") {
  CHECK_FALSE(nearest("group", {"block", "damp"}));
  CHECK_FALSE(nearest("", {"a"}));
  CHECK_FALSE(nearest(std::string(100000, 'a'), {std::string(100000, 'a')}));
}

TEST_CASE("suggestion: the nearest name, else the known ones, else nothing", "[base][unit]") {
  CHECK(suggestion("blok", {"block", "damp"}) == "; did you mean 'block'?");
  CHECK(suggestion("zzzz", {"block", "damp"}) == "; known: block, damp");
  CHECK(suggestion("zzzz", {}) == "");
  const std::vector<std::string> many(13, "name");
  CHECK_THAT(suggestion("zzzz", many), Catch::EndsWith("name, ..."));
}

TEST_CASE("format_bytes: binary units with two digits", "[base][unit]") {
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(1023) == "1023 B");
  CHECK(format_bytes(1536) == "1.50 KiB");
  CHECK(format_bytes(1024 * 1024 - 1) == "1.00 MiB");
  CHECK(format_bytes(UINT64_MAX) == "16.00 EiB");
}

TEST_CASE("is_utf8: accepts what Unicode allows", "[base][unit]") {
  CHECK(is_utf8(""));
  CHECK(is_utf8("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"));  // a, ae, euro, smiley
  CHECK(is_utf8("\xEF\xBF\xBF\xF4\x8F\xBF\xBF"));           // U+FFFF, U+10FFFF
}

TEST_CASE("is_utf8: refuses malformed sequences", "[base][unit]") {
  const std::string bad =
      GENERATE(as<std::string>{}, "\x80", "\xC3", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80",
               "\xF0\x80\x80\xAF", "\xF4\x90\x80\x80", "\xFF", "\xE2\x82", "a\xE2\x82z");
  CAPTURE(bad);
  CHECK_FALSE(is_utf8(bad));
}

TEST_CASE("shape: rows, columns, elements and text", "[base][unit]") {
  const Shape shape = {2, 768, 1536};
  CHECK(cols(shape) == 1536);
  CHECK(rows(shape) == 1536);
  CHECK(elements(shape) == 2 * 768 * 1536);
  CHECK(to_string(shape) == "[2, 768, 1536]");
  CHECK(to_string(Shape{}) == "[]");
  CHECK(elements(Shape{}) == 1);
}
