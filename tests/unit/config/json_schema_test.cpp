#include "config/json_schema.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>

using nlohmann::json;

namespace {

json schema() {
  const pq::OptionInfo bits{"bits",       "Bits of a code.", pq::OptionType::integer, "4", {"2", "4"},
                            std::nullopt, std::nullopt};
  const pq::OptionInfo shard{"split",      "Size of a file.", pq::OptionType::string, "", {},
                             std::nullopt, std::nullopt};
  return json::parse(
      pq::pipeline_json_schema({{"encoding", "affine", "Even levels.", "", "p", {bits}},
                                {"encoding", "q4_0", "4 bits.", "4.5 bits per weight", "p", {}},
                                {"format", "gguf", "GGUF.", "", "p", {shard}},
                                {"backend", "cpu", "The processor.", "", "p", {}}},
                               {"q4_0", "q8_0"}, R"({"type": "object"})"));
}

}  // namespace

TEST_CASE("schema: it is draft 2020-12 and refuses unknown keys", "[config][schema]") {
  const json s = schema();
  CHECK(s["$schema"] == "https://json-schema.org/draft/2020-12/schema");
  CHECK(s["additionalProperties"] == false);
  CHECK(s["required"] == json({"version", "model", "outputs"}));
  CHECK(s["$defs"]["output"]["required"] == json({"format", "to"}));
}

TEST_CASE("schema: what this version refuses is not offered", "[config][schema]") {
  CHECK_FALSE(schema()["properties"].contains("evaluate"));
  CHECK_FALSE(schema()["$defs"]["output"]["properties"].contains("allocate"));
}

TEST_CASE("schema: ids of components are offered with their descriptions", "[config][schema]") {
  const json forms = schema()["$defs"]["encoding_text"]["anyOf"];
  CHECK(forms[0] == json({{"const", "affine"}, {"description", "Even levels."}}));
  CHECK(forms[1]["pattern"] == "^affine:");
  CHECK(forms[2]["description"] == "4 bits. (4.5 bits per weight)");
}

TEST_CASE("schema: every backend takes a device on one line", "[config][schema]") {
  const json forms = schema()["$defs"]["backend_text"]["anyOf"];
  CHECK(std::any_of(forms.begin(), forms.end(),
                    [](const json& form) { return form.value("pattern", "") == "^cpu:"; }));
}

TEST_CASE("schema: own recipes have the schema of recipes", "[config][schema]") {
  CHECK(schema()["properties"]["recipes"]["additionalProperties"]["$ref"] == "#/$defs/recipe");
  CHECK(schema()["$defs"]["recipe"]["type"] == "object");
}

TEST_CASE("schema: a component's options have types, choices and defaults", "[config][schema]") {
  const json map = schema()["$defs"]["encoding"]["anyOf"][1];
  CHECK(map["properties"]["type"]["const"] == "affine");
  CHECK(map["properties"]["bits"]["default"] == 4);
  CHECK(map["properties"]["bits"]["anyOf"][0] == json({{"type", "integer"}, {"enum", {2, 4}}}));
  CHECK(map["additionalProperties"] == false);
}

TEST_CASE("schema: options of a format belong to outputs of that format", "[config][schema]") {
  const json rule = schema()["$defs"]["output"]["allOf"][0];
  CHECK(rule["if"]["properties"]["format"]["const"] == "gguf");
  const json options = rule["then"]["properties"]["options"]["properties"];
  CHECK(options.contains("split"));
  CHECK(options.contains("name"));
}
