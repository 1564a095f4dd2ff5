#include "allocation/recipe_schema.hpp"

#include "allocation/recipe.hpp"
#include "allocation/recipe_conditions.hpp"
#include "model/gguf_names.hpp"

#include <nlohmann/json.hpp>

namespace pq {
namespace {

using Json = nlohmann::ordered_json;

/// One of these, or a list of them.
Json one_or_more(const Json& item) {
  return {{"anyOf", Json::array({item, {{"type", "array"}, {"items", item}, {"minItems", 1}}})}};
}

Json value_schema(ConditionValue value) {
  const Json number = {{"type", "integer"}, {"minimum", 0}};
  switch (value) {
    case ConditionValue::boolean:
      return {{"type", "boolean"}};
    case ConditionValue::categories:
      return one_or_more({{"enum", recipe_categories()}});
    case ConditionValue::dialect:
      return {{"enum", {"gguf", "huggingface"}}};
    case ConditionValue::number:
      return {{"type", "integer"}, {"minimum", 1}};
    case ConditionValue::numbers:
      return one_or_more(number);
    case ConditionValue::roles:
      return one_or_more({{"enum", GgufNames::installed().role_words()}});
    case ConditionValue::share:
      return {{"anyOf", Json::array({number, {{"type", "string"}, {"pattern", "^[0-9]+/[1-9][0-9]*$"}}})}};
    case ConditionValue::words:
      return one_or_more({{"type", "string"}});
  }
  return {};
}

Json encodings_schema() {
  const Json encoding = {
      {"anyOf", Json::array({{{"const", "stored"}}, {{"$ref", "#/$defs/encoding_text"}}})}};
  return one_or_more(encoding);
}

Json rule_schema() {
  Json properties = {{"use", encodings_schema()}};
  for (const RecipeConditionKind& kind : recipe_condition_kinds()) {
    properties[kind.key] = value_schema(kind.value);
    properties[kind.key]["description"] = kind.help;
  }
  const Json conditions = {{"type", "object"},
                           {"properties", std::move(properties)},
                           {"required", {"use"}},
                           {"minProperties", 2},
                           {"additionalProperties", false}};
  const Json include = {{"type", "object"},
                        {"properties", {{"include", {{"enum", known_recipe_parts()}}}}},
                        {"required", {"include"}},
                        {"additionalProperties", false}};
  return {{"anyOf", Json::array({conditions, include})}};
}

}  // namespace

std::string recipe_json_schema() {
  const Json properties = {
      {"summary", {{"type", "string"}}},
      {"file_type",
       {{"type", "integer"}, {"minimum", 0}, {"description", "general.file_type of GGUF outputs."}}},
      {"needs_importance",
       {{"type", "boolean"}, {"description", "Warn if the importance of columns is not known."}}},
      {"rules", {{"type", "array"}, {"items", rule_schema()}}},
      {"otherwise", encodings_schema()},
      {"substitutes",
       {{"type", "object"},
        {"description", "What to use where the columns are no multiple of an encoding's block."},
        {"properties", {{"include", {{"enum", known_recipe_parts()}}}}},
        {"additionalProperties", encodings_schema()}}}};
  return Json{{"type", "object"},
              {"properties", properties},
              {"required", {"otherwise"}},
              {"additionalProperties", false}}
      .dump();
}

}  // namespace pq
