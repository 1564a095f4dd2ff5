#include "config/pattern.hpp"

#include "config/message_of.hpp"

#include <catch2/catch.hpp>

TEST_CASE("pattern: it is searched for anywhere unless it is anchored", "[config][pattern]") {
  CHECK(pq::Pattern("ffn_down").matches("blk.3.ffn_down.weight"));
  CHECK_FALSE(pq::Pattern("^ffn_down").matches("blk.3.ffn_down.weight"));
  CHECK(pq::Pattern("down\\.weight$").matches("blk.3.ffn_down.weight"));
  CHECK(pq::Pattern("^(?!.*weight$)").matches("blk.3.ffn_down.bias"));
}

TEST_CASE("pattern: the syntax is that of ECMAScript on bytes", "[config][pattern]") {
  CHECK(pq::Pattern("^a[^]b$").matches("a\nb"));
  CHECK_FALSE(pq::Pattern("a.b").matches("a\rb"));
  CHECK_FALSE(pq::Pattern("a$").matches("a\n"));
  CHECK(pq::Pattern("^(x)?\\1a").matches("a"));
  CHECK(pq::Pattern("\\u0041\\x42").matches("AB"));
  CHECK_FALSE(pq::Pattern("^\\w+$").matches("a\xc3\xa9"));
  CHECK(pq::Pattern("a*").matches(""));
  CHECK(pq::Pattern("^\\d+\\.(q|k)_proj(?=\\.weight)").matches("12.k_proj.weight"));
}

TEST_CASE("pattern: nested repeats and long names end soon, with an error or an answer",
          "[config][pattern]") {
  const pq::Pattern nested("^(([a-z0-9_]+)[._]?)+[!?]");
  const std::string message = message_of([&] { nested.matches("model.layers.0.self_attn.q_proj.weight"); });
  CHECK(message.find("'^(([a-z0-9_]+)[._]?)+[!?]' takes too long on the name 'model.layers.0.self_attn") !=
        std::string::npos);
  CHECK_FALSE(pq::Pattern("(.*)*(.*)*(.*)*zzz").matches("model.layers.0.self_attn.q_proj.weight"));
  const std::string name(1 << 20, 'a');
  CHECK(pq::Pattern("^(a|b)*$").matches(std::string(500, 'a')));
  CHECK(message_of([&] { pq::Pattern("^(a|b)*c|d").matches(name); }).find("a name of 1048576 bytes") !=
        std::string::npos);
}

TEST_CASE("pattern: a wrong or huge expression is a ConfigError", "[config][pattern]") {
  CHECK(message_of([] { pq::Pattern("a["); }).find("'a[' is not a regular expression") == 0);
  CHECK(message_of([] { pq::Pattern("((a{1000}){1000}){1000}"); }).find("is not a regular expression") !=
        std::string::npos);
  CHECK(message_of([] { pq::Pattern(std::string(5000, 'a')); }).find("at most 1000") != std::string::npos);
}
