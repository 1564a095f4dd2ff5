#include "session.hpp"

#include <catch2/catch.hpp>

using pq::text_table;

TEST_CASE("text_table: columns are aligned and the last is not padded", "[cli][table]") {
  CHECK(text_table({{"a", "bb", "c"}, {"aaa", "b", "cc"}}) == "a    bb  c\naaa  b   cc\n");
}

TEST_CASE("text_table: numbers are aligned on the right where asked", "[cli][table]") {
  CHECK(text_table({{"x", "1"}, {"y", "100"}}, {false, true}) == "x    1\ny  100\n");
}

TEST_CASE("text_table: UTF-8 characters count once", "[cli][table]") {
  CHECK(text_table({{"\xC3\xA9", "1"}, {"ab", "2"}}) == "\xC3\xA9   1\nab  2\n");
}

TEST_CASE("text_table: rows may be shorter than others", "[cli][table]") {
  CHECK(text_table({{"a"}, {"b", "c"}, {}}) == "a\nb  c\n\n");
}
