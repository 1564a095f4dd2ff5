#include "config/message_of.hpp"
#include "config/yaml.hpp"

#include <catch2/catch.hpp>

namespace {

pq::Node tree() {
  return pq::parse_yaml("model: m\noutputs:\n  - {format: gguf, to: a}\n  - {format: gguf, to: b}\n",
                        "p.yaml");
}

std::string error_of(const std::string& assignment) {
  pq::Node root = tree();
  return message_of([&] { pq::apply_override(root, assignment); });
}

}  // namespace

TEST_CASE("override: a value in a list of maps is replaced, all else stays", "[config][override]") {
  pq::Node root = tree();
  pq::apply_override(root, "outputs.1.to=x.gguf");
  const auto& outputs = root.find("outputs")->items();
  REQUIRE(outputs.size() == 2);
  CHECK(outputs[1].find("to")->text() == "x.gguf");
  CHECK(outputs[1].find("to")->mark().to_string() == "--set outputs.1.to");
  CHECK(outputs[0].find("to")->text() == "a");
  CHECK(outputs[0].find("to")->mark().to_string() == "p.yaml:3:24");
  CHECK(root.find("model")->text() == "m");
}

TEST_CASE("override: missing maps are made", "[config][override]") {
  pq::Node root = tree();
  pq::apply_override(root, "outputs.0.options.max_shard=2GiB");
  CHECK(root.find("outputs")->items()[0].find("options")->find("max_shard")->text() == "2GiB");
}

TEST_CASE("override: the value is YAML", "[config][override]") {
  pq::Node root = tree();
  pq::apply_override(root, "outputs.0.encoding={type: affine, bits: 4}");
  CHECK(root.find("outputs")->items()[0].find("encoding")->find("bits")->as_int("bits") == 4);
  pq::apply_override(root, "outputs.0.encoding=affine:bits=4,group=128");
  CHECK(root.find("outputs")->items()[0].find("encoding")->text() == "affine:bits=4,group=128");
}

TEST_CASE("override: references to the environment mean what they mean in a file", "[config][override]") {
  pq::Node root = tree();
  pq::apply_override(root, "model='${PQ_TEST_UNSET:-models}/x$$'");
  CHECK(root.find("model")->text() == "models/x$");
  CHECK_THAT(error_of("model=${PQ_TEST_UNSET}"),
             Catch::StartsWith("--set model:") && Catch::Contains("'PQ_TEST_UNSET' is not set"));
}

TEST_CASE("override: wrong paths are errors that name the key", "[config][override]") {
  CHECK(error_of("outputs.7.to=x") == "--set outputs.7.to: there is no item 7; the list has 2");
  CHECK(error_of("outputs.first.to=x") ==
        "--set outputs.first.to: 'first' must be the number of an item, counted from 0");
  CHECK(error_of("outputs.-1.to=x") ==
        "--set outputs.-1.to: '-1' must be the number of an item, counted from 0");
  CHECK(error_of("model.x=1") ==
        "--set model.x: 'x' cannot be set: what it belongs to is a single value, 'm'");
  CHECK(error_of("model") == "--set model: write it like KEY=VALUE, for example outputs.0.to=model.gguf");
  CHECK(error_of("=x") == "--set: write it like KEY=VALUE, for example outputs.0.to=model.gguf");
  CHECK(error_of("outputs..to=x") == "--set outputs..to: a key is empty; write it like outputs.0.to=VALUE");
}
