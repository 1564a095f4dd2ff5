#include <polyquant/base/error.hpp>
#include <polyquant/base/metadata.hpp>
#include <polyquant/base/text.hpp>

#include "base/support.hpp"

#include <catch2/catch.hpp>

using namespace pq;
using test::message_of;

TEST_CASE("metadata: keys keep their order and are replaced where they stand", "[base][unit]") {
  Metadata data;
  data.set("a", std::uint32_t{1});
  data.set("b", std::string("x"));
  data.set("a", std::int64_t{2});
  REQUIRE(data.entries().size() == 2);
  CHECK(data.entries()[0].first == "a");
  CHECK(data.integer("a", 0) == 2);
  data.erase("a");
  CHECK(data.find("a") == nullptr);
  CHECK(data.integer("a", 7) == 7);
}

TEST_CASE("metadata: integers of every type are read, those above 63 bits refused", "[base][unit]") {
  Metadata data;
  data.set("u8", std::uint8_t{200});
  data.set("i8", std::int8_t{-3});
  data.set("u64", std::uint64_t{UINT64_MAX});
  CHECK(data.integer("u8", 0) == 200);
  CHECK(data.integer("i8", 0) == -3);
  CHECK_THROWS_AS(data.integer("u64", 0), FormatError);
}

TEST_CASE("metadata: a value of the wrong type is refused with key and type", "[base][unit]") {
  Metadata data;
  data.set("n", std::string("4"));
  data.set("f", 1.5f);
  data.set("flag", true);
  CHECK(message_of<FormatError>([&] { data.integer("n", 0); }) ==
        "metadata key 'n' is string, expected an integer");
  CHECK_THROWS_AS(data.integer("f", 0), FormatError);
  CHECK_THROWS_AS(data.integer("flag", 0), FormatError);
  CHECK_THROWS_AS(data.string("f", ""), FormatError);
  CHECK_THROWS_AS(data.boolean("f", false), FormatError);
  CHECK_THROWS_AS(data.number("n", 0), FormatError);
  CHECK(data.number("f", 0) == 1.5);
  CHECK(data.boolean("flag", false));
}

TEST_CASE("metadata: type names", "[base][unit]") {
  CHECK(type_name(std::uint8_t{1}) == "u8");
  CHECK(type_name(1.0f) == "f32");
  CHECK(type_name(1.0) == "f64");
  CHECK(type_name(true) == "bool");
  CHECK(type_name(std::string()) == "string");
  CHECK(type_name(std::vector<std::int16_t>()) == "array of i16");
  CHECK(type_name(BoolArray()) == "array of bool");
  CHECK(type_name(std::vector<std::string>()) == "array of string");
}

TEST_CASE("metadata: bytes are displayed as numbers, strings in quotes", "[base][unit]") {
  CHECK(display(std::uint8_t{65}) == "65");
  CHECK(display(std::int8_t{-1}) == "-1");
  CHECK(display(std::vector<std::uint8_t>{65, 66}) == "[65, 66]");
  CHECK(display(std::string("a\"b\n")) == "\"a\\\"b\\n\"");
  CHECK(display(BoolArray{{1, 0}}) == "[true, false]");
  CHECK(display(0.5f) == "0.5");
}

TEST_CASE("metadata: long values are cut, between characters", "[base][unit]") {
  CHECK(display(std::vector<std::int32_t>(32000, 1), 40) ==
        "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, ...] (32000 values)");
  std::string euros;
  for (int i = 0; i < 100; ++i) euros += "\xE2\x82\xAC";
  const std::string text = display(euros, 30);
  CHECK(text.size() < 45);
  CHECK(is_utf8(text));
  CHECK(is_utf8(display(std::vector<std::string>(50, euros), 60)));
}
