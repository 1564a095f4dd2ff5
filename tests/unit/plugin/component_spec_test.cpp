#include "plugin/registry.hpp"

#include "base/support.hpp"

#include <catch2/catch.hpp>

using namespace pq;
using test::message_of;

namespace {

Node scalar(const std::string& text) {
  return Node::scalar(text, false, {std::make_shared<const std::string>("p.yaml"), 5, 11});
}

std::string refusal(const Node& node) {
  return message_of<ConfigError>([&] { parse_component_spec(node, "encoding"); });
}

}  // namespace

TEST_CASE("component spec: a bare name has no options", "[plugin][unit]") {
  const ComponentSpec spec = parse_component_spec(scalar("q4_0"), "encoding");
  CHECK(spec.id == "q4_0");
  CHECK(spec.options.members().empty());
}

TEST_CASE("component spec: options follow a colon, and know their place", "[plugin][unit]") {
  const ComponentSpec spec = parse_component_spec(scalar("affine:bits=4,group=128"), "encoding");
  CHECK(spec.id == "affine");
  REQUIRE(spec.options.members().size() == 2);
  CHECK(spec.options.find("bits")->as_int("bits") == 4);
  CHECK(spec.options.find("group")->as_int("group") == 128);
  CHECK(spec.options.members()[1].mark.to_string() == "p.yaml:5:25");
  CHECK(spec.options.find("group")->mark().to_string() == "p.yaml:5:31");
}

TEST_CASE("component spec: a map has its name under type", "[plugin][unit]") {
  Node map = Node::map();
  map.set("bits", Node::scalar("4"));
  map.set("type", Node::scalar("affine"));
  const ComponentSpec spec = parse_component_spec(map, "encoding");
  CHECK(spec.id == "affine");
  REQUIRE(spec.options.members().size() == 1);
  CHECK(spec.options.members()[0].key == "bits");
}

TEST_CASE("component spec: wrong forms are refused at their place", "[plugin][unit]") {
  CHECK_THAT(refusal(scalar("")), Catch::StartsWith("p.yaml:5:11: 'encoding' must be a name"));
  CHECK_THAT(refusal(scalar(":bits=4")), Catch::Contains("must be a name"));
  CHECK_THAT(refusal(scalar("affine:bits")),
             Catch::StartsWith("p.yaml:5:18: 'bits' of encoding") && Catch::Contains("key=value"));
  CHECK_THAT(refusal(scalar("affine:")), Catch::Contains("key=value"));
  CHECK_THAT(refusal(scalar("affine:=4")), Catch::Contains("key=value"));
  CHECK_THAT(refusal(scalar("affine:bits=4,,group=1")), Catch::Contains("key=value"));
  CHECK_THAT(refusal(scalar("affine:bits=4,bits=5")), Catch::Contains("'bits' is given twice"));
  CHECK_THAT(refusal(Node::sequence()), Catch::Contains("must be a name"));
  CHECK_THAT(refusal(Node()), Catch::Contains("must be a name"));
  CHECK_THAT(refusal(Node::map()), Catch::Contains("without 'type'"));
  Node map = Node::map();
  map.set("type", Node::scalar("affine:bits=4"));
  CHECK_THAT(refusal(map), Catch::Contains("plain name"));
}
