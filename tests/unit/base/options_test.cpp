#include <polyquant/options.hpp>

#include "base/support.hpp"

#include <catch2/catch.hpp>

#include <memory>

using namespace pq;
using test::message_of;

namespace {

struct Sample {
  int block = 128;
  double damp = 0.01;
  bool act_order = false;
  std::string mode = "plain";
  std::uint8_t small = 3;
  std::int64_t seed = 0;
};

Schema<Sample> schema() {
  return Schema<Sample>()
      .field("block", &Sample::block, "Columns updated together.", one_of({32, 64, 128}))
      .field("damp", &Sample::damp, "Share of the diagonal that is added.", range(1e-6, 1.0))
      .field("act_order", &Sample::act_order, "Large columns first.")
      .field("mode", &Sample::mode, "How.", one_of({"plain", "double"}))
      .field("small", &Sample::small, "A small number.", at_least(1))
      .field("seed", &Sample::seed, "Start of the random numbers.");
}

Mark mark(int line, int column) { return {std::make_shared<const std::string>("p.yaml"), line, column}; }

Node options(const std::string& key, const std::string& value) {
  Node map = Node::map(mark(3, 1));
  map.set(key, Node::scalar(value, false, mark(3, 10)), mark(3, 3));
  return map;
}

std::string refusal(const std::string& key, const std::string& value) {
  return message_of<ConfigError>([&] { schema().parse(options(key, value), "gptq"); });
}

}  // namespace

TEST_CASE("options: nothing given leaves the defaults", "[options][unit]") {
  CHECK(schema().parse(Node(), "gptq").block == 128);
  CHECK(schema().parse(Node::map(), "gptq").mode == "plain");
}

TEST_CASE("options: values are read by type", "[options][unit]") {
  CHECK(schema().parse(options("block", "064"), "gptq").block == 64);
  CHECK(schema().parse(options("damp", "1e-3"), "gptq").damp == 1e-3);
  CHECK(schema().parse(options("act_order", "true"), "gptq").act_order);
  CHECK(schema().parse(options("mode", "double"), "gptq").mode == "double");
  CHECK(schema().parse(options("seed", "-9223372036854775808"), "gptq").seed == INT64_MIN);
}

TEST_CASE("options: an unknown key is refused at its place with the nearest one", "[options][unit]") {
  CHECK(refusal("blok", "1") == "p.yaml:3:3: unknown key 'blok' of gptq; did you mean 'block'?");
  CHECK(refusal("zz", "1") ==
        "p.yaml:3:3: unknown key 'zz' of gptq; known: block, damp, act_order, mode, small, seed");
}

TEST_CASE("options: a component without options says so", "[options][unit]") {
  const auto parse = [] { Schema<NoOptions>().parse(options("bits", "4"), "q4_0"); };
  CHECK(message_of<ConfigError>(parse) == "p.yaml:3:3: unknown key 'bits': q4_0 has no options");
}

TEST_CASE("options: options that are no map are refused", "[options][unit]") {
  CHECK_THROWS_AS(schema().parse(Node::scalar("x"), "gptq"), ConfigError);
  CHECK_THROWS_AS(schema().parse(Node::sequence(), "gptq"), ConfigError);
}

TEST_CASE("options: values out of range name the value and the legal ones", "[options][unit]") {
  CHECK(refusal("block", "5") == "p.yaml:3:10: 'block' must be one of 32, 64, 128, got '5'");
  CHECK(refusal("damp", "2") == "p.yaml:3:10: 'damp' must be between 1e-06 and 1, got 2");
  CHECK(refusal("mode", "tripel") == "p.yaml:3:10: 'mode' must be one of plain, double, got 'tripel'");
  CHECK(refusal("small", "0") == "p.yaml:3:10: 'small' must be at least 1, got 0");
  CHECK(refusal("small", "256") == "p.yaml:3:10: 'small' must be between 0 and 255, got 256");
  CHECK(refusal("act_order", "yes") == "p.yaml:3:10: 'act_order' must be true or false, got 'yes'");
}

TEST_CASE("options: the table has names, types, defaults and limits for help", "[options][unit]") {
  const OptionTable table = schema().table();
  REQUIRE(table.size() == 6);
  CHECK(table[0].type == OptionType::integer);
  CHECK(table[0].default_text == "128");
  CHECK(table[0].choices == std::vector<std::string>{"32", "64", "128"});
  CHECK(table[1].type == OptionType::number);
  CHECK(table[1].default_text == "0.01");
  CHECK(table[1].minimum == 1e-6);
  CHECK(table[2].default_text == "false");
  CHECK(table[4].default_text == "3");  // a number, not a character
}
