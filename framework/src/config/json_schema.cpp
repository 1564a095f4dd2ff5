#include "config/json_schema.hpp"

#include "config/defaults.hpp"
#include "config/pipeline_keys.hpp"

#include <nlohmann/json.hpp>

#include <charconv>

namespace pq {
namespace {

using Json = nlohmann::ordered_json;
using Type = PipelineKey::Type;

// Any value may come from the environment, whatever its type.
Json environment_reference() { return {{"type", "string"}, {"pattern", "\\$\\{"}}; }

Json number_from(const std::string& text) {
  std::int64_t integer = 0;
  const char* const end = text.data() + text.size();
  if (const auto r = std::from_chars(text.data(), end, integer); r.ec == std::errc() && r.ptr == end)
    return integer;
  double number = 0;
  if (const auto r = std::from_chars(text.data(), end, number); r.ec == std::errc() && r.ptr == end)
    return number;
  return text;
}

Json value_from(const std::string& text, OptionType type) {
  if (type == OptionType::boolean) return text == "true";
  if (type == OptionType::string) return text;
  return number_from(text);
}

Json option_schema(const OptionInfo& option) {
  constexpr const char* kTypes[] = {"boolean", "integer", "number", "string"};
  Json value = {{"type", kTypes[static_cast<int>(option.type)]}};
  if (!option.choices.empty()) {
    value["enum"] = Json::array();
    for (const std::string& choice : option.choices) value["enum"].push_back(value_from(choice, option.type));
  }
  if (option.minimum) value["minimum"] = *option.minimum;
  if (option.maximum) value["maximum"] = *option.maximum;
  Json schema = {{"description", option.help}};
  if (!option.default_text.empty()) schema["default"] = value_from(option.default_text, option.type);
  if (option.type == OptionType::string)
    schema.update(value);
  else
    schema["anyOf"] = Json::array({value, environment_reference()});
  return schema;
}

Json option_properties(const OptionTable& options) {
  Json properties = Json::object();
  for (const OptionInfo& option : options) properties[option.name] = option_schema(option);
  return properties;
}

Json reference(const std::string& definition) { return {{"$ref", "#/$defs/" + definition}}; }

std::string described(const ComponentInfo& component) {
  return component.summary + (component.facts.empty() ? "" : " (" + component.facts + ")");
}

// The forms of a component on one line: an id, or an id with options as in affine:bits=4,group=128.
Json component_text_schema(const std::vector<ComponentInfo>& components, const std::string& kind,
                           const std::vector<std::string>& words) {
  Json forms = Json::array();
  for (const std::string& word : words) forms.push_back({{"const", word}});
  for (const ComponentInfo& component : components) {
    if (component.kind != kind) continue;
    forms.push_back({{"const", component.id}, {"description", described(component)}});
    const bool has_keys = kind == "backend";  // backend_keys()
    if (!component.options.empty() || has_keys)
      forms.push_back({{"type", "string"}, {"pattern", "^" + component.id + ":"}});
  }
  forms.push_back(environment_reference());
  return {{"anyOf", std::move(forms)}};
}

Json key_schema(const PipelineKey& key) {
  if (key.is_chain)
    return {
        {"anyOf",
         Json::array(
             {reference(key.component),
              {{"type", "array"}, {"items", reference(key.component)}, {"minItems", 1}, {"maxItems", 2}}})}};
  if (key.type == Type::component) return reference(key.component);
  if (!key.component.empty()) return reference(key.component + "_text");
  if (key.type == Type::recipe) return reference("recipe_id");
  if (key.type == Type::choice) return {{"enum", key.choices}};
  if (key.type == Type::integer)
    return {{"anyOf", Json::array({{{"type", "integer"}}, environment_reference()})}};
  if (key.type == Type::number)
    return {{"anyOf", Json::array({{{"type", "number"}}, environment_reference()})}};
  if (key.type == Type::sources) return reference("sources");
  if (key.type == Type::list)
    return {{"type", "array"}, {"items", reference(key.name == "outputs" ? "output" : "rule")}};
  if (key.name == "calibration") return reference("calibration");
  if (key.type == Type::map) return {{"type", "object"}};
  return {{"type", "string"}};
}

Json component_schema(const std::vector<ComponentInfo>& components, const std::string& kind) {
  Json schema = {{"anyOf", Json::array({reference(kind + "_text")})}};
  for (const ComponentInfo& component : components) {
    if (component.kind != kind) continue;
    Json properties = {{"type", {{"const", component.id}, {"description", described(component)}}}};
    properties.update(option_properties(component.options));
    if (kind == "backend")
      for (const PipelineKey& key : backend_keys()) {
        properties[key.name] = key_schema(key);
        properties[key.name]["description"] = key.help;
      }
    schema["anyOf"].push_back({{"type", "object"},
                               {"properties", std::move(properties)},
                               {"required", {"type"}},
                               {"additionalProperties", false}});
  }
  return schema;
}

Json map_schema(const PipelineKeys& keys) {
  Json schema = {{"type", "object"},
                 {"properties", Json::object()},
                 {"required", Json::array()},
                 {"additionalProperties", false}};
  for (const PipelineKey& key : keys) {
    if (!key.available) continue;
    Json property = key_schema(key);
    property["description"] = key.help;
    if (const std::string text = default_of(key); !text.empty()) property["default"] = number_from(text);
    schema["properties"][key.name] = std::move(property);
    if (key.required) schema["required"].push_back(key.name);
  }
  return schema;
}

// `options:` has the options of the output's format, and those that every format has.
Json output_schema(const std::vector<ComponentInfo>& components) {
  Json schema = map_schema(output_keys());
  // `lossless` alone keeps the encodings that are stored.
  schema["anyOf"] =
      Json::array({{{"required", {"recipe"}}}, {{"required", {"encoding"}}}, {{"required", {"lossless"}}}});
  schema["not"] = {{"required", {"recipe", "encoding"}}};
  schema["allOf"] = Json::array();
  for (const ComponentInfo& component : components) {
    if (component.kind != "format") continue;
    Json properties = option_properties(component.options);
    for (const PipelineKey& key : common_format_option_keys()) {
      properties[key.name] = key_schema(key);
      properties[key.name]["description"] = key.help;
    }
    const Json options = {{"properties", std::move(properties)}, {"additionalProperties", false}};
    schema["allOf"].push_back({{"if", {{"properties", {{"format", {{"const", component.id}}}}}}},
                               {"then", {{"properties", {{"options", options}}}}}});
  }
  return schema;
}

}  // namespace

std::string pipeline_json_schema(const std::vector<ComponentInfo>& components,
                                 const std::vector<std::string>& recipes, const std::string& own_recipe) {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "polyquant pipeline"}};
  schema.update(map_schema(pipeline_keys()));
  schema["properties"]["version"] = {{"const", 1}, {"description", pipeline_keys().front().help}};
  schema["properties"]["outputs"]["minItems"] = 1;
  schema["properties"]["recipes"]["additionalProperties"] = reference("recipe");
  Json& definitions = schema["$defs"];
  definitions["recipe"] = Json::parse(own_recipe);
  definitions["output"] = output_schema(components);
  definitions["rule"] = map_schema(rule_keys());
  definitions["calibration"] = map_schema(calibration_keys());
  const Json path = {{"type", "string"}};
  const Json one = {{"anyOf", Json::array({path, map_schema(source_keys())})}};
  definitions["sources"] = {
      {"anyOf", Json::array({path, {{"type", "array"}, {"items", one}, {"minItems", 1}}})}};
  // Any word: a pipeline may have recipes of its own.
  definitions["recipe_id"] = {{"anyOf", Json::array({{{"enum", recipes}}, {{"type", "string"}}})}};
  for (const char* kind : {"encoding", "quantizer", "format", "backend"}) {
    std::vector<std::string> words;
    for (const PipelineKey& key : pipeline_keys())
      if (key.component == kind) words = key.choices;
    definitions[std::string(kind) + "_text"] = component_text_schema(components, kind, words);
    definitions[kind] = component_schema(components, kind);
  }
  return schema.dump(2);
}

}  // namespace pq
