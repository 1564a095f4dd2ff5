#include "config/message_of.hpp"
#include "config/yaml.hpp"

#include <catch2/catch.hpp>

namespace {
struct Case {
  const char* text;
  const char* message;  // how it begins
};
}  // namespace

TEST_CASE("yaml syntax: the sentence names the place and the cure in our own words", "[config][yaml]") {
  const auto [text, message] = GENERATE(
      Case{"outputs:\n\t- a\n", "2:1: a tab indents this line"},
      Case{"outputs:\n  - format: a\n  \tto: x\n", "3:3: a tab indents this line"},
      Case{"a:\n  - {b: c\n", "2:5: this '{' is not closed by '}'"},
      Case{"a:\n  - {b: c\n  - {b: d}\n", "2:5: this '{' is not closed by '}'"},
      Case{"a: [1, 2\nb: 3\n", "1:4: this '[' is not closed by ']'"},
      Case{"{a: 1, \"b\" 2}\n", "1:12: ',' or '}' is missing before this place; the '{' is in column 1"},
      Case{"a: {b: ${X:-y}/z, c: d}\n",
           "1:8: inside { } and [ ] a value with ${...} stands in quotation marks"},
      Case{"a: {b: \"${X:-y}/z\" c: d}\n", "1:20: ',' or '}' is missing before this place"},
      Case{"a: {b: c]\n", "1:9: '}' is expected here, for the '{' at 1:4"},
      Case{"a: {b: c}}\n", "1:10: this bracket closes nothing"},
      Case{"a: - b\n", "1:4: a list begins on the line below its key"},
      Case{"a: b: c\n", "1:5: a second ':' on one line; put text that holds ': ' in quotation marks"},
      Case{"version: 1\nmodel x\na: b\n", "2:1: this line is not 'KEY: VALUE'"},
      Case{"version: 1\n  model:x\n  a: b\n", "2:3: this line is not 'KEY: VALUE'"},
      Case{"- a: 1\n     b: 2\n", "2:6: this line is indented deeper than the one above"},
      Case{"a:\n  - b: 1\n    c: 2\n   d: 3\n", "4:4: the indentation of this line fits nothing above it"},
      Case{"a: 'it's'\n",
           "1:8: text behind a value that is complete; inside '...' a quotation mark is written twice"},
      Case{"a: 1\nb: 'open\nc: 2\n", "2:4: this quotation mark is not closed"},
      Case{"a: it's # isn't\nb: \"x'\nc: 'y''z'\n", "2:4: this quotation mark is not closed"},
      Case{"a: @x\n", "1:4: text cannot begin with '@'; put it in quotation marks"},
      Case{"a: %x\n", "1:4: text cannot begin with '%'; put it in quotation marks"},
      Case{"a: \"C:\\models\"\n", "1:9: a backslash in double quotation marks begins an escape"},
      Case{"a: *x\n", "1:4: anchors (&name) and aliases (*name) are not supported"},
      Case{"a: !<x\n", "1:7: tags (!name) are not supported"},
      Case{"%YAML 1.2 3\n---\na: b\n", "1:1: directives (lines that begin with %) are not supported"},
      Case{"a: |x\n  y\n", "1:5: behind | and > nothing but"});
  INFO(text);
  CHECK_THAT(message_of([&] { pq::parse_yaml(text, "p.yaml"); }),
             Catch::StartsWith(std::string("p.yaml:") + message));
}

TEST_CASE("yaml syntax: a backslash at the end of the text is looked at alone", "[config][yaml]") {
  const std::string text = "a: \"b\\";
  CHECK_THAT(message_of([&] { pq::parse_yaml(text, "p"); }),
             Catch::Contains("this quotation mark is not closed"));
}
