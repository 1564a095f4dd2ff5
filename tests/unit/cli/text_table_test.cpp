#include "session.hpp"

#include "base/printable.hpp"

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

TEST_CASE("text_table: control characters of names do not reach the terminal", "[cli][table]") {
  CHECK(text_table({{"a\x1b[2J\n",
                     "\xC2\x9B"
                     "b"}}) == "a\\x1b[2J\\x0a  \\xc2\\x9bb\n");
  CHECK(pq::printable("one\ntwo\t\x07\x7f\xC3\xA9") == "one\ntwo\t\\x07\\x7f\xC3\xA9");
}
