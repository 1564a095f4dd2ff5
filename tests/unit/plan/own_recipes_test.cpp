#include "plan/own_recipes.hpp"

#include "built_plugins.hpp"
#include "config/yaml.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace pq;

namespace {

std::vector<std::string> warnings_of(const std::string& recipes) {
  const std::string yaml =
      "version: 1\nmodel: m\nrecipes:\n" + recipes +
      "outputs: [{format: gguf, recipe: used, to: a}, {format: gguf, recipe: q4_0, to: b}]\n";
  std::vector<std::string> warnings;
  check_recipes(parse_pipeline(parse_yaml(yaml, "p.yaml"), ""), test::registry(), warnings);
  return warnings;
}

}  // namespace

TEST_CASE("own recipes: those that no output uses are warned of", "[plan][unit]") {
  const std::string used = "  used: {otherwise: [q4_k, stored]}\n";
  CHECK(warnings_of(used).empty());
  CHECK(warnings_of(used + "  mine: {otherwise: q8_0}\n") ==
        std::vector<std::string>{"p.yaml:5:3: recipe 'mine' is used by no output"});
}

TEST_CASE("own recipes: all are checked, also those that no output uses", "[plan][unit]") {
  CHECK_THROWS_WITH(warnings_of("  mine: {rules: [{category: output, yuse: q4_k}], otherwise: q8_0}\n"),
                    "p.yaml:4:37: unknown key 'yuse' in rules[0]; did you mean 'use'?");
  CHECK_THROWS_WITH(warnings_of("  mine: {rules: [{category: output, use: q4_k_m}], otherwise: q8_0}\n"),
                    "p.yaml:4:42: 'q4_k_m' is a recipe, not an encoding: it mixes several; give an encoding, "
                    "such as q4_k");
  CHECK_THROWS_WITH(warnings_of("  mine: {otherwise: q8_0, substitutes: {q6_k: q8_o}}\n"),
                    Catch::StartsWith("p.yaml:4:47: unknown encoding 'q8_o'"));
  CHECK_THROWS_WITH(warnings_of("  mine: {otherwise: q8_o}\n"),
                    Catch::StartsWith("p.yaml:4:21: unknown encoding 'q8_o'"));
}
