#include "config/yaml.hpp"

#include "config/message_of.hpp"

#include <catch2/catch.hpp>

using pq::Node;
using pq::parse_yaml;

namespace {
std::string error_of(const std::string& text) {
  return message_of([&] { parse_yaml(text, "p.yaml"); });
}
}  // namespace

TEST_CASE("yaml: every node knows its line and column, counted from 1", "[config][yaml]") {
  const Node root = parse_yaml("version: 1\noutputs:\n  - format: gguf\n    to: x\n", "p.yaml");
  CHECK(root.mark().to_string() == "p.yaml:1:1");
  CHECK(root.find("version")->mark().to_string() == "p.yaml:1:10");
  const Node& outputs = *root.find("outputs");
  REQUIRE(outputs.is_sequence());
  CHECK(outputs.items().at(0).mark().to_string() == "p.yaml:3:5");
  CHECK(outputs.items().at(0).find("to")->mark().to_string() == "p.yaml:4:9");
  CHECK(outputs.items().at(0).members().at(1).mark.to_string() == "p.yaml:4:5");
}

TEST_CASE("yaml: scalars keep their text, and whether they were quoted", "[config][yaml]") {
  const Node root = parse_yaml("{a: 010, b: 'no', c: yes, d: \"1\", e: 1e3}", "p.yaml");
  CHECK(root.find("a")->as_int("a") == 10);
  CHECK(root.find("b")->quoted());
  CHECK_FALSE(root.find("c")->quoted());
  CHECK(root.find("c")->text() == "yes");
  CHECK(root.find("d")->quoted());
  CHECK(root.find("e")->as_double("e") == 1000.0);
}

TEST_CASE("yaml: an empty file is a null node", "[config][yaml]") {
  CHECK(parse_yaml("", "p.yaml").is_null());
  CHECK(parse_yaml("# only a comment\n", "p.yaml").is_null());
}

TEST_CASE("yaml: a value that is missing is a null node with its place", "[config][yaml]") {
  const Node root = parse_yaml("a:\nb: 1\n", "p.yaml");
  REQUIRE(root.find("a")->is_null());
  CHECK(root.find("a")->mark().to_string() == "p.yaml:1:1");
}

TEST_CASE("yaml: a duplicate key is refused with both places", "[config][yaml]") {
  CHECK(error_of("model: a\noutputs: []\nmodel: b\n") ==
        "p.yaml:3:1: key 'model' is given twice; the first is at 1:1");
  CHECK(error_of("- {a: 1, b: 2, a: 3}\n") == "p.yaml:1:16: key 'a' is given twice; the first is at 1:4");
}

TEST_CASE("yaml: syntax errors come with their place", "[config][yaml]") {
  CHECK(error_of("a: [1, 2\nb: 3\n").find("p.yaml:1:4: ") == 0);
  CHECK(error_of("a: 'open\n").find("p.yaml:1:4: ") == 0);
  CHECK(error_of("a: \"open").find("p.yaml:1:4: ") == 0);
  CHECK(error_of("a: b: c\n").find("p.yaml:1:5: ") == 0);
  CHECK(error_of("a:\n\t- b\n").find("p.yaml:2:") == 0);
  CHECK(error_of("}").find("p.yaml:1:") == 0);
}

TEST_CASE("yaml: anchors, aliases, merge keys and tags are refused", "[config][yaml]") {
  CHECK(error_of("a: &x 1\nb: *x\n") ==
        "p.yaml:1:4: anchors (&name) are not supported; write the value out where it is needed");
  CHECK(error_of("a: &x {b: 1}\n").find("anchors (&name) are not supported") != std::string::npos);
  CHECK(error_of("a:\n  <<: {b: 1}\n") ==
        "p.yaml:2:3: merge keys (<<) are not supported; write the keys out");
  CHECK(error_of("a: !!int 3\n") ==
        "p.yaml:1:4: the tag 'tag:yaml.org,2002:int' is not supported; remove it");
}

TEST_CASE("yaml: a billion laughs are refused at the first", "[config][yaml]") {
  CHECK(error_of("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n").find("p.yaml:1:4: anchors") == 0);
}

TEST_CASE("yaml: a second document is refused", "[config][yaml]") {
  const std::string message = error_of("a: 1\n---\nb: 2\n");
  CHECK(message.find("p.yaml:2:1: a second YAML document begins here") == 0);
}

TEST_CASE("yaml: an explicit end of the document is allowed", "[config][yaml]") {
  CHECK(parse_yaml("---\na: 1\n...\n", "p.yaml").find("a")->text() == "1");
  CHECK(parse_yaml("a: |\n  x\n", "p.yaml").find("a")->text() == "x\n");
}

TEST_CASE("yaml: a key that is indented like its list is refused", "[config][yaml]") {
  CHECK_FALSE(error_of("- a\nb: c\n").empty());
}

TEST_CASE("yaml: lists and maps are no keys", "[config][yaml]") {
  CHECK(error_of("[a, b]: 1\n").find("a key must be a word, not a list or a map") != std::string::npos);
  CHECK(error_of("? {a: 1}\n: 2\n").find("a key must be a word, not a list or a map") != std::string::npos);
  CHECK(error_of(": 1\n").find("a key is missing before ':'") != std::string::npos);
}

TEST_CASE("yaml: depth is limited", "[config][yaml]") {
  CHECK(error_of(std::string(100, '[') + std::string(100, ']')) ==
        "p.yaml:1:65: nested deeper than 64 levels");
  CHECK(error_of(std::string(60, '[') + std::string(60, ']')).empty());
  CHECK_FALSE(error_of(std::string(100000, '[')).empty());
}

TEST_CASE("yaml: size and number of keys are limited", "[config][yaml]") {
  CHECK(error_of(std::string((1 << 20) + 1, ' ')) == "p.yaml:1:1: larger than 1 MiB; this is not a pipeline");
  std::string many;
  for (int i = 0; i < 5000; ++i) many.append("k").append(std::to_string(i)).append(": 1\n");
  CHECK(error_of(many) == "p.yaml:4097:1: more than 4096 keys in one map");
}

TEST_CASE("yaml: binary data is refused with its place", "[config][yaml]") {
  CHECK(error_of(std::string("a: 1\nb\0: 2\n", 11)) ==
        "p.yaml:2:2: control character 0; this is not a text file");
  CHECK(error_of("a: \xFF\xFE\n") == "p.yaml:1:1: the text is not valid UTF-8");
}

TEST_CASE("yaml: a missing file is a FormatError that names it", "[config][yaml]") {
  CHECK_THROWS_AS(pq::load_yaml("/nonexistent/p.yaml"), pq::FormatError);
  CHECK_THROWS_WITH(pq::load_yaml("/nonexistent/p.yaml"), Catch::Contains("/nonexistent/p.yaml"));
}
