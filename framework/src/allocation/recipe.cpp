#include "allocation/recipe.hpp"

#include "allocation/recipe_conditions.hpp"
#include "config/yaml.hpp"
#include "plugin/registry.hpp"

#include <polyquant/base/text.hpp>

#include <algorithm>
#include <limits>

namespace pq {
namespace {

// In place of an encoding: the rows stay as the source stores them (f32 if they are generated).
constexpr std::string_view kStored = "stored";

std::filesystem::path recipe_folder() { return data_folder() / "recipes"; }

std::vector<std::string> yaml_files(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;  // a missing folder has no recipes
  for (const auto& file : std::filesystem::directory_iterator(folder, ignored))
    if (file.path().extension() == ".yaml") names.push_back(file.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

void require_known(const std::string& key, const Mark& mark, const std::vector<std::string>& known,
                   const std::string& where) {
  if (std::find(known.begin(), known.end(), key) == known.end())
    throw_at(mark, "unknown key '" + key + "' in " + where + suggestion(key, known));
}

std::vector<Node> parse_encodings(const Node& node, const std::string& key) {
  const std::vector<Node> specs = node.is_sequence() ? node.items() : std::vector<Node>{node};
  // A spec such as affine:bits=4 stays text: the planner makes the encoding.
  for (const Node& spec : specs)
    if (spec.as_string(key) != kStored) parse_component_spec(spec, key);
  if (specs.empty()) throw_at(node.mark(), "'" + key + "' is empty; name at least one encoding");
  return specs;
}

/// As YAML on one line.
std::string flow_text(const Node& node) {
  if (node.is_sequence()) {
    std::string text;
    for (const Node& item : node.items()) text += (text.empty() ? "" : ", ") + flow_text(item);
    return "[" + text + "]";
  }
  return node.quoted() ? "'" + node.text() + "'" : node.text();
}

RecipeRule parse_rule(const Node& node, const std::string& where) {
  const auto& kinds = recipe_condition_kinds();
  std::vector<std::string> known = {"include", "use"};
  for (const auto& kind : kinds) known.push_back(kind.key);
  RecipeRule rule;
  for (const Node::Member& member : node.members()) {
    require_known(member.key, member.mark, known, where);
    if (member.key == "use")
      rule.encodings = parse_encodings(member.value, member.key);
    else
      rule.text += (rule.text.empty() ? "" : ", ") + member.key + ": " + flow_text(member.value);
    for (const auto& kind : kinds)
      if (kind.key == member.key) rule.conditions.push_back(kind.make(member.value, kind.key));
  }
  if (rule.encodings.empty()) throw_at(node.mark(), where + " does not say which encoding to use; add 'use'");
  if (rule.conditions.empty())
    throw_at(node.mark(), where + " has no condition; write 'otherwise' for what holds for all tensors");
  return rule;
}

std::vector<RecipeRule> parse_rules(const Node& list, bool in_part);

/// The one key `key` of a part.
Node load_part(const Node& name, const std::string& key) {
  const std::filesystem::path folder = recipe_folder() / "parts";
  const std::vector<std::string> known = yaml_files(folder);
  const std::string text = name.as_string("include");
  if (std::find(known.begin(), known.end(), text) == known.end())
    throw_at(name.mark(), "unknown part of recipes '" + text + "'" + suggestion(text, known));
  const Node root = load_yaml(folder / (text + ".yaml"));
  const Node* value = root.find(key);
  if (value == nullptr || root.members().size() != 1)
    throw_at(root.mark(), "this part of recipes must be a map with the one key '" + key + "'");
  return *value;
}

void refuse_include_in(bool in_part, const Mark& mark) {
  if (in_part) throw_at(mark, "a part of recipes cannot include another one");
}

std::vector<RecipeRule> load_rules(const Node& name, bool in_part) {
  refuse_include_in(in_part, name.mark());
  return parse_rules(load_part(name, "rules"), true);
}

std::vector<RecipeRule> parse_rules(const Node& list, bool in_part) {
  if (!list.is_sequence()) throw_at(list.mark(), "'rules' must be a list");
  std::vector<RecipeRule> rules;
  for (std::size_t i = 0; i < list.items().size(); ++i) {
    const Node& item = list.items()[i];
    const std::string where = "rules[" + std::to_string(i) + "]";
    if (!item.is_map()) throw_at(item.mark(), where + " must be a map of conditions and 'use'");
    const Node* include = item.find("include");
    if (include == nullptr) {
      rules.push_back(parse_rule(item, where));
      continue;
    }
    if (item.members().size() != 1)
      throw_at(item.mark(), where + " has 'include', so it cannot have other keys");
    for (RecipeRule& rule : load_rules(*include, in_part)) rules.push_back(std::move(rule));
  }
  return rules;
}

std::map<std::string, std::vector<Node>> parse_substitutes(const Node& node, bool in_part) {
  if (!node.is_map())
    throw_at(node.mark(), "'substitutes' must be a map from an encoding to those to use in its place");
  if (const Node* include = node.find("include"); include != nullptr && node.members().size() == 1) {
    refuse_include_in(in_part, include->mark());
    return parse_substitutes(load_part(*include, "substitutes"), true);
  }
  std::map<std::string, std::vector<Node>> substitutes;
  for (const Node::Member& member : node.members()) {
    if (member.key == "include")
      throw_at(member.mark, "'substitutes' has 'include', so it cannot have other keys");
    parse_component_spec(Node::scalar(member.key, false, member.mark), "substitutes");
    substitutes[member.key] = parse_encodings(member.value, "substitutes." + member.key);
  }
  return substitutes;
}

int parse_file_type(const Node& node) {
  const std::int64_t value = node.as_int("file_type");
  if (value < 0 || value > std::numeric_limits<std::int32_t>::max())
    throw_at(node.mark(),
             "'file_type' must be a number of llama.cpp's file types, got '" + node.text() + "'");
  return static_cast<int>(value);
}

}  // namespace

Recipe parse_recipe(const Node& root, const std::string& id) {
  static const std::vector<std::string> keys = {"summary", "file_type", "needs_importance",
                                                "rules",   "otherwise", "substitutes"};
  const std::string where = "recipe '" + id + "'";
  if (!root.is_map())
    throw_at(root.mark(), where +
                              " must be a map with the keys summary, file_type, needs_importance, rules, "
                              "otherwise, substitutes");
  Recipe recipe;
  recipe.id = id;
  for (const Node::Member& member : root.members()) {
    require_known(member.key, member.mark, keys, where);
    if (member.key == "summary") recipe.summary = member.value.as_string(member.key);
    if (member.key == "file_type") recipe.file_type = parse_file_type(member.value);
    if (member.key == "needs_importance") recipe.needs_importance = member.value.as_bool(member.key);
    if (member.key == "substitutes") recipe.substitutes = parse_substitutes(member.value, false);
    if (member.key == "rules") recipe.rules = parse_rules(member.value, false);
    if (member.key == "otherwise") recipe.encodings = parse_encodings(member.value, member.key);
  }
  if (recipe.encodings.empty())
    throw_at(root.mark(), where + " does not say what all other tensors get; add 'otherwise'");
  return recipe;
}

std::vector<std::string> known_recipes() { return yaml_files(recipe_folder()); }
std::vector<std::string> known_recipe_parts() { return yaml_files(recipe_folder() / "parts"); }

namespace {
[[noreturn]] void throw_unknown(const Node& own, const std::string& id, const Mark& where) {
  std::vector<std::string> names;
  std::string list;
  for (const Node::Member& recipe : own.members()) {
    names.push_back(recipe.key);
    list += (list.empty() ? "" : ", ") + recipe.key;
  }
  const std::vector<std::string> known = known_recipes();
  names.insert(names.end(), known.begin(), known.end());
  if (const auto meant = nearest(id, names))
    throw_at(where, "unknown recipe '" + id + "'; did you mean '" + *meant + "'?");
  throw_at(where, "unknown recipe '" + id + "'" + (list.empty() ? "" : "; under `recipes` are " + list) +
                      "; `polyquant help recipes` lists the built-in ones");
}
}  // namespace

Recipe load_recipe(const std::string& id, const Mark& where) {
  const std::vector<std::string> known = known_recipes();
  if (std::find(known.begin(), known.end(), id) == known.end()) throw_unknown(Node(), id, where);
  Recipe recipe = parse_recipe(load_yaml(recipe_folder() / (id + ".yaml")), id);
  recipe.is_built_in = true;
  return recipe;
}

Recipe find_recipe(const Node& own, const std::string& id, const Mark& where) {
  if (const Node* recipe = own.find(id)) return parse_recipe(*recipe, id);
  const std::vector<std::string> known = known_recipes();
  if (std::find(known.begin(), known.end(), id) == known.end()) throw_unknown(own, id, where);
  return load_recipe(id, where);
}

std::vector<Node> encodings_for(const Recipe& recipe, const RecipeFacts& facts, const ModelView& view,
                                std::size_t index) {
  const ViewTensor& tensor = view.tensors[index];
  const RecipeSubject subject{facts, tensor, facts.places[index]};
  const auto fits = [&](const RecipeRule& rule) {
    return std::all_of(rule.conditions.begin(), rule.conditions.end(),
                       [&](const RecipeCondition& holds) { return holds(subject); });
  };
  const auto rule = std::find_if(recipe.rules.begin(), recipe.rules.end(), fits);
  std::vector<Node> encodings = rule == recipe.rules.end() ? recipe.encodings : rule->encodings;
  if (const auto more = recipe.substitutes.find(encodings.back().text()); more != recipe.substitutes.end())
    encodings.insert(encodings.end(), more->second.begin(), more->second.end());
  const std::string stored = tensor.stored_encoding.empty() ? "f32" : tensor.stored_encoding;
  for (Node& encoding : encodings)
    if (encoding.text() == kStored) encoding = Node::scalar(stored, false, encoding.mark());
  return encodings;
}

}  // namespace pq
