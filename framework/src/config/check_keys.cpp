#include "config/pipeline_keys.hpp"

#include "plugin/registry.hpp"

#include <polyquant/base/text.hpp>
#include <polyquant/version.hpp>

#include <algorithm>

namespace pq {
namespace {

using Type = PipelineKey::Type;

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

void check_kind(const Node& value, const PipelineKey& key) {
  if (value.is_null()) throw_at(value.mark(), "'" + key.name + "' has no value; give one or remove the line");
  if (key.type == Type::list && !value.is_sequence())
    throw_at(value.mark(), "'" + key.name + "' must be a list");
  if (key.type == Type::map && !value.is_map()) throw_at(value.mark(), "'" + key.name + "' must be a map");
  if (key.type == Type::integer) value.as_int(key.name);
  if (key.type == Type::number) value.as_double(key.name);
  if (key.type == Type::sources && value.is_map())
    throw_at(value.mark(), "'" + key.name + "' must be a path or a list of paths");
  if (key.is_chain && value.is_sequence()) {
    for (const Node& item : value.items()) parse_component_spec(item, key.name);
  } else if (key.type == Type::component) {
    parse_component_spec(value, key.name);
  }
  const bool is_source = key.type == Type::sources && value.is_scalar();
  const bool is_text = is_source || key.type == Type::text || key.type == Type::path ||
                       key.type == Type::choice || key.type == Type::recipe;
  if (is_text && value.as_string(key.name).empty()) throw_at(value.mark(), "'" + key.name + "' is empty");
}

void check_choice(const Node& value, const PipelineKey& key) {
  const std::string text = value.as_string(key.name);
  if (std::find(key.choices.begin(), key.choices.end(), text) == key.choices.end())
    throw_at(value.mark(), "'" + key.name + "' must be one of " + join(key.choices) + ", got '" + text + "'");
}

std::vector<std::string> names_of(const PipelineKeys& keys) {
  std::vector<std::string> names;
  for (const PipelineKey& key : keys) names.push_back(key.name);
  return names;
}

std::string cure_of_missing(const PipelineKey& key) {
  if (key.type == Type::integer) return "; add `" + key.name + ": 1`";
  if (key.type == Type::list) return "; add `" + key.name + ":` and a list below it";
  if (!key.component.empty())
    return "; add `" + key.name + ": NAME`, `polyquant help " + key.component + "s` lists the names";
  return "; add `" + key.name + (key.type == Type::path || key.type == Type::sources ? ": PATH`" : ": TEXT`");
}

/// "{format:gguf}" is one word in YAML.
std::string cure_of_unknown(const std::string& word, const PipelineKeys& keys) {
  const std::size_t colon = word.find(':');
  for (const PipelineKey& key : keys)
    if (colon != std::string::npos && key.name == word.substr(0, colon))
      return "; a blank is missing after the colon: `" + key.name + ": " + word.substr(colon + 1) + "`";
  return suggestion(word, names_of(keys));
}

}  // namespace

void check_keys(const Node& map, const PipelineKeys& keys, const std::string& where) {
  if (!map.is_map()) throw_at(map.mark(), where + " must be a map with the keys " + join(names_of(keys)));
  for (const Node::Member& member : map.members()) {
    const auto key =
        std::find_if(keys.begin(), keys.end(), [&](const PipelineKey& k) { return k.name == member.key; });
    if (key == keys.end())
      throw_at(member.mark,
               "unknown key '" + member.key + "' in " + where + cure_of_unknown(member.key, keys));
    check_kind(member.value, *key);
    if (key->type == Type::choice) check_choice(member.value, *key);
    if (!key->available)
      throw_at(member.mark, "'" + key->name + "' is not available in polyquant " +
                                std::to_string(kVersionMajor) + "." + std::to_string(kVersionMinor) +
                                "; remove it");
  }
  for (const PipelineKey& key : keys)
    if (key.required && map.find(key.name) == nullptr)
      throw_at(map.mark(), "the key '" + key.name + "' is missing in " + where + cure_of_missing(key));
}

}  // namespace pq
