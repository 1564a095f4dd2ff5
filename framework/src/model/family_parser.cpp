#include "model/family.hpp"

#include "model/family_rules.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <algorithm>
#include <charconv>
#include <map>

namespace pq {
namespace {

// The items of a list, with {use: NAME} replaced by the items of common's list NAME.
std::vector<const Node*> spliced(const Node* list, const Node& common, int depth = 0) {
  std::vector<const Node*> items;
  if (list == nullptr || list->is_null()) return items;
  if (!list->is_sequence()) throw_at(list->mark(), "a list is expected here");
  if (depth > 8) throw_at(list->mark(), "lists use each other in a circle");
  for (const Node& item : list->items()) {
    const Node* use = item.find("use");
    if (use == nullptr) {
      items.push_back(&item);
      continue;
    }
    const Node* lists = common.find("lists");
    const Node* named = lists == nullptr ? nullptr : lists->find(use->as_string("use"));
    if (named == nullptr)
      throw_at(use->mark(), "there is no list '" + use->as_string("use") + "' in common.yaml");
    for (const Node* inner : spliced(named, common, depth + 1)) items.push_back(inner);
  }
  return items;
}

std::vector<MetadataRule> parse_metadata(const Node* list, const Node& common) {
  std::vector<MetadataRule> rules;
  for (const Node* item : spliced(list, common)) rules.push_back(parse_metadata_rule(*item));
  return rules;
}

std::vector<ConditionText> parse_conditions(const Node* list, const Node& common) {
  std::vector<ConditionText> conditions;
  for (const Node* item : spliced(list, common)) {
    check_keys(*item, "a condition", {"when", "text"});
    conditions.push_back({optional_expression(*item, "when"), optional_string(*item, "text")});
    if (conditions.back().text.empty()) throw_at(item->mark(), "a condition needs 'text'");
  }
  return conditions;
}

// A scalar of `defaults` is what JSON makes of it; quoted text stays text.
Json default_value(const Node& node) {
  if (node.is_sequence()) {
    Json::Array items;
    for (const Node& item : node.items()) items.push_back(default_value(item));
    return Json(std::move(items));
  }
  if (node.is_map()) {
    Json::Object members;
    for (const Node::Member& member : node.members())
      members.emplace_back(member.key, default_value(member.value));
    return Json(std::move(members));
  }
  if (node.is_null() || node.quoted()) return node.is_null() ? Json() : Json(node.text());
  const std::string& text = node.text();
  if (text == "null" || text == "true" || text == "false")
    return text == "null" ? Json() : Json(text == "true");
  std::int64_t integer = 0;
  double real = 0;
  const char* end = text.data() + text.size();
  if (std::from_chars(text.data(), end, integer).ptr == end) return Json(integer);
  if (std::from_chars(text.data(), end, real).ptr == end) return Json(real);
  return Json(text);
}

void add_lets(const Node* map, Family& family) {
  if (map == nullptr || map->is_null()) return;
  for (const Node::Member& member : map->members())
    family.let[member.key] = member.value.is_null() ? Expression::parse("null")
                                                    : parse_expression(member.value, "let." + member.key);
}

// Every leaf of a config template must be an expression: found when the file is read, not when a model needs it.
void check_template(const Node& node) {
  for (const Node& item : node.items()) check_template(item);
  for (const Node::Member& member : node.members()) check_template(member.value);
  if (node.is_scalar()) parse_expression(node, "config");
}

using ConfigMembers = std::map<std::string, const Node::Member*>;  // by name, as transformers writes them

// {use: NAME, ...}: the members of common's config NAME, of which the map's own replace those of the same name.
void collect_members(const Node& config, const Node& common, ConfigMembers& members, int depth = 0) {
  if (depth > 8) throw_at(config.mark(), "configs use each other in a circle");
  if (const Node* use = config.find("use")) {
    const Node* configs = common.find("configs");
    const Node* named = configs == nullptr ? nullptr : configs->find(use->as_string("use"));
    if (named == nullptr)
      throw_at(use->mark(), "there is no config '" + use->as_string("use") + "' in common.yaml");
    collect_members(*named, common, members, depth + 1);
  }
  for (const Node::Member& member : config.members())
    if (member.key != "use") members[member.key] = &member;
}

Node config_template(const Node& own, const Node& common) {
  if (!own.is_map()) return own;
  ConfigMembers members;
  collect_members(own, common, members);
  Node merged = Node::map(own.mark());
  for (const auto& [key, member] : members) merged.set(key, member->value, member->mark);
  return merged;
}

void parse_config(const Node& root, const Node& common, Family& family) {
  if (const Node* config = root.find("config")) family.config = config_template(*config, common);
  const Node* generation = root.find("generation_config");
  if (generation == nullptr) generation = common.find("generation_config");
  if (generation != nullptr) family.generation_config = *generation;
  check_template(family.config);
  check_template(family.generation_config);
}

void add_drops(const Node* list, std::vector<DropRule>& rules) {
  if (list == nullptr || list->is_null()) return;
  for (const Node& item : list->items()) {
    DropRule rule;
    if (item.is_map()) {
      check_keys(item, "'drop'", {"name", "when", "zero"});
      rule.when = optional_expression(item, "when");
      if (const Node* zero = item.find("zero")) rule.zero = zero->as_bool("zero");
    }
    rule.pattern = item.is_map() ? optional_string(item, "name") : item.as_string("drop");
    if (rule.pattern.empty()) throw_at(item.mark(), "'drop' needs 'name'");
    rules.push_back(std::move(rule));
  }
}

void add_refusals(const Node* list, Family& family) {
  if (list == nullptr || list->is_null()) return;
  for (const Node& item : list->items()) {
    check_keys(item, "'refuse'", {"name", "text"});
    family.refuse.push_back({optional_string(item, "name"), optional_string(item, "text")});
    if (family.refuse.back().pattern.empty() || family.refuse.back().text.empty())
      throw_at(item.mark(), "'refuse' needs 'name' and 'text'");
  }
}

void add_unpacked(const Node* list, Family& family) {
  if (list == nullptr || list->is_null()) return;
  for (const Node& item : list->items()) {
    check_keys(item, "'unpacked'", {"name", "drop_end", "transpose"});
    UnpackRule rule{optional_string(item, "name"), optional_string(item, "drop_end")};
    if (const Node* transpose = item.find("transpose")) rule.transpose = transpose->as_bool("transpose");
    if (rule.pattern.empty() || rule.end.empty())
      throw_at(item.mark(), "'unpacked' needs 'name' and 'drop_end'");
    family.unpacked.push_back(std::move(rule));
  }
}

void parse_names(const Node& root, const Node& common, Family& family) {
  const Node* hf = root.find("huggingface");
  if (hf == nullptr) throw_at(root.mark(), "a family needs 'huggingface'");
  check_keys(*hf, "'huggingface'",
             {"architectures", "model_type", "nested", "rename", "experts", "drop", "refuse", "unpacked"});
  family.architectures = strings(hf->find("architectures"), "architectures");
  family.model_types = strings(hf->find("model_type"), "model_type");
  family.nested = strings(hf->find("nested"), "nested");
  family.experts = strings(hf->find("experts"), "experts");
  for (const std::string& form : family.experts)
    if (form != "single" && form != "fused")
      throw_at(hf->find("experts")->mark(), "'experts' lists 'single' and 'fused', not '" + form + "'");
  add_unpacked(hf->find("unpacked"), family);
  add_drops(common.find("drop"), family.drop);
  add_drops(hf->find("drop"), family.drop);
  add_refusals(hf->find("refuse"), family);
  add_refusals(common.find("refuse"), family);
  for (const Node* source : {common.find("rename"), hf->find("rename")})
    if (source != nullptr)
      for (const Node::Member& member : source->members())
        family.rename.emplace_back(member.key, member.value.as_string("rename"));
  const Node* gguf = root.find("gguf");
  if (gguf == nullptr) throw_at(root.mark(), "a family needs 'gguf'");
  check_keys(*gguf, "'gguf'", {"architecture", "when", "drop"});
  add_drops(gguf->find("drop"), family.gguf_drop);
  family.gguf_architecture = optional_string(*gguf, "architecture");
  family.gguf_when = optional_expression(*gguf, "when");
}

}  // namespace

Family parse_family(const Node& root, const Node& common) {
  check_keys(root, "a family",
             {"family", "summary", "huggingface", "gguf", "defaults", "let", "errors", "warnings", "metadata",
              "tensors", "tokenizer", "config", "generation_config", "reverse_warnings", "graph"});
  Family family;
  family.id = optional_string(root, "family");
  if (family.id.empty()) throw_at(root.mark(), "a family needs 'family', its name");
  family.summary = optional_string(root, "summary");
  parse_names(root, common, family);
  if (const Node* defaults = root.find("defaults")) family.defaults = default_value(*defaults);
  add_lets(common.find("let"), family);
  add_lets(root.find("let"), family);
  family.errors = parse_conditions(common.find("errors"), common);
  for (ConditionText& condition : parse_conditions(root.find("errors"), common))
    family.errors.push_back(std::move(condition));
  family.warnings = parse_conditions(common.find("warnings"), common);
  for (ConditionText& condition : parse_conditions(root.find("warnings"), common))
    family.warnings.push_back(std::move(condition));
  family.reverse_warnings = parse_conditions(common.find("reverse_warnings"), common);
  for (ConditionText& condition : parse_conditions(root.find("reverse_warnings"), common))
    family.reverse_warnings.push_back(std::move(condition));
  family.metadata = parse_metadata(root.find("metadata"), common);
  for (const Node* item : spliced(root.find("tensors"), common))
    family.tensors.push_back(parse_tensor_rule(*item));
  if (const Node* tokenizer = root.find("tokenizer")) {
    check_keys(*tokenizer, "'tokenizer'", {"kinds", "before", "after"});
    family.tokenizer.kinds = strings(tokenizer->find("kinds"), "kinds");
    family.tokenizer.before = parse_metadata(tokenizer->find("before"), common);
    family.tokenizer.after = parse_metadata(tokenizer->find("after"), common);
  }
  if (family.tokenizer.kinds.empty()) family.tokenizer.kinds = {"bpe"};
  parse_config(root, common, family);
  if (const Node* graph = root.find("graph")) family.graph = *graph;
  return family;
}

}  // namespace pq
