#include "model/family_rules.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <algorithm>

namespace pq {

Expression parse_expression(const Node& node, const std::string& what) {
  try {
    return Expression::parse(node.as_string(what));
  } catch (const ConfigError& error) {
    throw_at(node.mark(), error.what());
  }
}

void check_keys(const Node& map, const std::string& what, const std::vector<std::string>& known) {
  if (!map.is_map()) throw_at(map.mark(), what + " must be a map");
  for (const Node::Member& member : map.members())
    if (std::find(known.begin(), known.end(), member.key) == known.end())
      throw_at(member.mark,
               "unknown key '" + member.key + "' in " + what + suggestion(member.key, known) +
                   "; if you did not write it, this data folder belongs to another version of polyquant: "
                   "build or install again");
}

Expression optional_expression(const Node& map, const std::string& key) {
  const Node* node = map.find(key);
  return node == nullptr || node->is_null() ? Expression() : parse_expression(*node, key);
}

std::string optional_string(const Node& map, const std::string& key, std::string fallback) {
  const Node* node = map.find(key);
  return node == nullptr ? std::move(fallback) : node->as_string(key);
}

std::vector<std::string> strings(const Node* node, const std::string& what) {
  std::vector<std::string> list;
  if (node == nullptr || node->is_null()) return list;
  if (node->is_scalar()) return {node->as_string(what)};
  for (const Node& item : node->items()) list.push_back(item.as_string(what));
  return list;
}

std::vector<Expression> expressions(const Node* node, const std::string& what) {
  std::vector<Expression> list;
  if (node == nullptr) return list;
  if (!node->is_sequence()) throw_at(node->mark(), "'" + what + "' must be a list");
  for (const Node& item : node->items()) list.push_back(parse_expression(item, what));
  return list;
}

MetadataRule parse_metadata_rule(const Node& node) {
  check_keys(node, "a metadata rule", {"key", "type", "from", "when", "required", "before_general"});
  MetadataRule rule;
  const Node* key = node.find("key");
  if (key == nullptr) throw_at(node.mark(), "a metadata rule needs a 'key'");
  rule.key = key->as_string("key");
  rule.type = optional_string(node, "type", "u32");
  const std::vector<std::string> types = {"u32", "i32", "f32", "bool", "string"};
  if (std::find(types.begin(), types.end(), rule.type) == types.end())
    throw_at(node.mark(), "unknown type '" + rule.type + "'" + suggestion(rule.type, types));
  rule.from = optional_expression(node, "from");
  if (rule.from.empty()) throw_at(node.mark(), "the rule of '" + rule.key + "' needs 'from'");
  rule.when = optional_expression(node, "when");
  if (const Node* required = node.find("required")) rule.required = required->as_bool("required");
  if (const Node* first = node.find("before_general")) rule.before_general = first->as_bool("before_general");
  return rule;
}

namespace {

std::vector<TakeRule> parse_take(const Node* list) {
  std::vector<TakeRule> takes;
  if (list == nullptr) return takes;
  for (const Node& item : list->items()) {
    check_keys(item, "'take'", {"first", "count", "step"});
    takes.push_back({optional_expression(item, "first"), optional_expression(item, "count"),
                     optional_expression(item, "step")});
  }
  return takes;
}

TensorRule::Transpose parse_transpose(const Node* node) {
  if (node == nullptr) return TensorRule::Transpose::no;
  const std::string word = node->as_string("transpose");
  if (word == "stored") return TensorRule::Transpose::stored;
  if (word == "taken") return TensorRule::Transpose::taken;
  throw_at(node->mark(), "'transpose' is 'stored' or 'taken', not '" + word + "'");
}

}  // namespace

TensorRule parse_tensor_rule(const Node& node) {
  check_keys(node, "a tensor rule",
             {"huggingface", "gguf", "when", "optional", "shape", "gguf_shape", "bias", "count", "rotary",
              "groups", "take", "add", "values", "transpose", "elements", "role"});
  TensorRule rule;
  rule.mark = node.mark();
  rule.huggingface = strings(node.find("huggingface"), "huggingface");
  rule.gguf = optional_string(node, "gguf");
  rule.when = optional_expression(node, "when");
  rule.optional = optional_expression(node, "optional");
  rule.shape = expressions(node.find("shape"), "shape");
  rule.gguf_shape = expressions(node.find("gguf_shape"), "gguf_shape");
  rule.has_bias = node.find("bias") != nullptr;
  rule.bias = optional_expression(node, "bias");
  rule.count = optional_expression(node, "count");
  rule.rotary = optional_expression(node, "rotary");
  rule.groups = optional_expression(node, "groups");
  rule.take = parse_take(node.find("take"));
  rule.add = optional_expression(node, "add");
  rule.values = optional_expression(node, "values");
  rule.transpose = parse_transpose(node.find("transpose"));
  if (const Node* elements = node.find("elements")) rule.elements = elements->as_bool("elements");
  rule.role = optional_string(node, "role");
  if (rule.gguf.empty()) throw_at(node.mark(), "a tensor rule needs 'gguf'");
  if (rule.huggingface.empty() == rule.values.empty())
    throw_at(node.mark(),
             "the rule of '" + rule.gguf + "' needs either 'huggingface' with 'shape' or 'values'");
  if (rule.values.empty() && rule.shape.empty())
    throw_at(node.mark(), "the rule of '" + rule.gguf + "' needs 'shape'");
  return rule;
}

}  // namespace pq
