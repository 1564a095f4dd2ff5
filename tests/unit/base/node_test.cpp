#include <polyquant/base/node.hpp>

#include "base/support.hpp"

#include <catch2/catch.hpp>

#include <clocale>

using namespace pq;
using test::message_of;

namespace {
Mark mark(int line, int column) { return {std::make_shared<const std::string>("p.yaml"), line, column}; }
}  // namespace

TEST_CASE("node: integers are decimal, so 010 is ten", "[base][unit]") {
  CHECK(Node::scalar("010").as_int("n") == 10);
  CHECK(Node::scalar("-7").as_int("n") == -7);
  CHECK(Node::scalar("+7").as_int("n") == 7);
  CHECK(Node::scalar("9223372036854775807").as_int("n") == INT64_MAX);
}

TEST_CASE("node: what is no decimal integer is refused with its text", "[base][unit]") {
  const std::string text =
      GENERATE(as<std::string>{}, "", "four", "0x10", "1.0", "1e3", " 1", "1 ", "+-1", "--1", "1_000");
  CAPTURE(text);
  CHECK(message_of<ConfigError>([&] { Node::scalar(text).as_int("bits"); }) ==
        "'bits' must be an integer, got '" + text + "'");
}

TEST_CASE("node: an integer of more than 64 bits is refused", "[base][unit]") {
  CHECK_THAT(message_of<ConfigError>([] { Node::scalar("9223372036854775808").as_int("bits"); }),
             Catch::Contains("64 bits"));
}

TEST_CASE("node: numbers have a point under every locale", "[base][unit]") {
  // Without that locale on the machine the check is weaker, not wrong.
  const std::string old = std::setlocale(LC_ALL, nullptr);
  std::setlocale(LC_ALL, "de_DE.UTF-8");
  CHECK(Node::scalar("0.25").as_double("x") == 0.25);
  CHECK(Node::scalar("-1e-3").as_double("x") == -1e-3);
  CHECK(Node::scalar("+4").as_double("x") == 4.0);
  CHECK_THROWS_AS(Node::scalar("0,25").as_double("x"), ConfigError);
  std::setlocale(LC_ALL, old.c_str());
}

TEST_CASE("node: numbers that are not finite are refused", "[base][unit]") {
  const std::string text = GENERATE(as<std::string>{}, "nan", "inf", "-inf", "1e999");
  CAPTURE(text);
  CHECK_THAT(message_of<ConfigError>([&] { Node::scalar(text).as_double("x"); }),
             Catch::Contains("must be a finite number"));
}

TEST_CASE("node: only true and false are booleans", "[base][unit]") {
  CHECK(Node::scalar("true").as_bool("b"));
  CHECK_FALSE(Node::scalar("false").as_bool("b"));
  const std::string text = GENERATE(as<std::string>{}, "yes", "no", "on", "True", "1", "");
  CHECK_THROWS_AS(Node::scalar(text).as_bool("b"), ConfigError);
}

TEST_CASE("node: every getter refuses lists, maps and nothing", "[base][unit]") {
  CHECK(message_of<ConfigError>([] { Node::sequence().as_int("n"); }) ==
        "'n' must be an integer, got a list");
  CHECK(message_of<ConfigError>([] { Node::map().as_string("s"); }) == "'s' must be text, got a map");
  CHECK(message_of<ConfigError>([] { Node().as_bool("b"); }) == "'b' must be true or false, got nothing");
  CHECK(message_of<ConfigError>([] { Node().as_double("x"); }) == "'x' must be a number, got nothing");
}

TEST_CASE("node: an error begins with the place", "[base][unit]") {
  const Node node = Node::scalar("four", false, mark(14, 9));
  CHECK(message_of<ConfigError>([&] { node.as_int("bits"); }) ==
        "p.yaml:14:9: 'bits' must be an integer, got 'four'");
  CHECK(Mark{std::make_shared<const std::string>("--set"), 0, 0}.to_string() == "--set");
}

TEST_CASE("node: a long value is cut in the message", "[base][unit]") {
  const std::string text = message_of<ConfigError>([] { Node::scalar(std::string(5000, 'x')).as_int("n"); });
  CHECK(text.size() < 200);
}

TEST_CASE("node: a map keeps its order, replaces in place and erases", "[base][unit]") {
  Node map = Node::map();
  map.set("b", Node::scalar("1"));
  map.set("a", Node::scalar("2"));
  map.set("b", Node::scalar("3"), mark(2, 1));
  REQUIRE(map.members().size() == 2);
  CHECK(map.members()[0].key == "b");
  CHECK(map.members()[0].mark.line == 2);
  CHECK(map.find("b")->text() == "3");
  map.erase("b");
  CHECK(map.find("b") == nullptr);
  CHECK(Node::scalar("x").find("b") == nullptr);
}
