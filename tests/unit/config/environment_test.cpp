#include "config/environment.hpp"

#include "config/message_of.hpp"
#include "config/yaml.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>

namespace {

struct Variable {
  Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name_); }
  const char* name_;
};

std::string expand(const std::string& text) { return pq::expand_environment(text, {}); }

}  // namespace

TEST_CASE("environment: a reference becomes the variable's value", "[config][environment]") {
  const Variable variable("PQ_TEST_FOLDER", "/data/m");
  CHECK(expand("${PQ_TEST_FOLDER}/x") == "/data/m/x");
  CHECK(expand("a${PQ_TEST_FOLDER}b${PQ_TEST_FOLDER}") == "a/data/mb/data/m");
}

TEST_CASE("environment: the default serves for variables that are unset or empty", "[config][environment]") {
  CHECK(expand("${PQ_TEST_UNSET:-../models}/x") == "../models/x");
  CHECK(expand("[${PQ_TEST_UNSET:-}]") == "[]");
  const Variable variable("PQ_TEST_EMPTY", "");
  CHECK(expand("${PQ_TEST_EMPTY:-d}") == "d");
  CHECK(expand("[${PQ_TEST_EMPTY}]") == "[]");
}

TEST_CASE("environment: two dollar signs are one, and a lone one stays", "[config][environment]") {
  CHECK(expand("$${HOME}") == "${HOME}");
  CHECK(expand("weight$") == "weight$");
  CHECK(expand("$x") == "$x");
}

TEST_CASE("environment: a value is not expanded again", "[config][environment]") {
  const Variable variable("PQ_TEST_NESTED", "${PQ_TEST_NESTED}$$");
  CHECK(expand("${PQ_TEST_NESTED}") == "${PQ_TEST_NESTED}$$");
}

TEST_CASE("environment: unset names and wrong forms are errors with the place", "[config][environment]") {
  const auto error = [](const std::string& yaml) {
    return message_of([&] { pq::parse_yaml(yaml, "p.yaml"); });
  };
  CHECK(error("model: ${PQ_TEST_UNSET}/x\n") ==
        "p.yaml:1:8: environment variable 'PQ_TEST_UNSET' is not set; set it or write "
        "${PQ_TEST_UNSET:-default}");
  CHECK(error("a:\n  b: ${oops\n") == "p.yaml:2:6: '${' without '}'; write $$ for a dollar sign");
  CHECK(error("a: ${1x}\n") ==
        "p.yaml:1:4: '${1x}' is not ${NAME} or ${NAME:-default}; write $$ for a dollar sign");
  CHECK(
      error("a: ${PQ_TEST_UNSET:-${HOME}/x}\n") ==
      "p.yaml:1:4: a reference to the environment cannot hold another one: '${PQ_TEST_UNSET:-${HOME}'; write "
      "the default out");
  CHECK(error("a: ${}\n") ==
        "p.yaml:1:4: '${}' is not ${NAME} or ${NAME:-default}; write $$ for a dollar sign");
}

TEST_CASE("environment: keys are left alone", "[config][environment]") {
  CHECK(pq::parse_yaml("'${PQ_TEST_UNSET}': 1\n", "p.yaml").find("${PQ_TEST_UNSET}") != nullptr);
}
