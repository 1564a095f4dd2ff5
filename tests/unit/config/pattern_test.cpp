#include "config/pattern.hpp"

#include "config/message_of.hpp"

#include <catch2/catch.hpp>

TEST_CASE("pattern: it is searched for anywhere unless it is anchored", "[config][pattern]") {
  CHECK(pq::Pattern("ffn_down").matches("blk.3.ffn_down.weight"));
  CHECK_FALSE(pq::Pattern("^ffn_down").matches("blk.3.ffn_down.weight"));
  CHECK(pq::Pattern("down\\.weight$").matches("blk.3.ffn_down.weight"));
  CHECK(pq::Pattern("^(?!.*weight$)").matches("blk.3.ffn_down.bias"));
}

TEST_CASE("pattern: a wrong or huge expression is a ConfigError", "[config][pattern]") {
  CHECK(message_of([] { pq::Pattern("a["); }).find("'a[' is not a regular expression") == 0);
  CHECK(message_of([] { pq::Pattern("((a{1000}){1000}){1000}"); }).find("is not a regular expression") !=
        std::string::npos);
  CHECK(message_of([] { pq::Pattern(std::string(5000, 'a')); }).find("at most 1000") != std::string::npos);
}
