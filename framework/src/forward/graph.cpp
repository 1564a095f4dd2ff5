#include "forward/graph.hpp"

#include "config/yaml.hpp"
#include "model/family_rules.hpp"
#include "plugin/registry.hpp"

#include <polyquant/base/error.hpp>

namespace pq {
namespace {

// A list of operations with {use: NAME} replaced, also in the lists of operations inside.
std::vector<Node> operations(const Node* list, const Node& common) {
  std::vector<Node> result;
  for (const Node* item : spliced(list, common, "graphs.yaml")) {
    Node operation = *item;
    if (const Node* each = item->find("each")) {
      Node inner = Node::sequence(each->mark());
      for (Node& step : operations(each, common)) inner.push_back(std::move(step));
      operation.set("each", std::move(inner), each->mark());
    }
    result.push_back(std::move(operation));
  }
  return result;
}

void add_lets(const Node* map, std::map<std::string, Expression>& let) {
  if (map == nullptr) return;
  for (const Node::Member& member : map->members())
    let[member.key] = member.value.is_null() ? Expression::parse("null")
                                             : parse_expression(member.value, "let." + member.key);
}

const Node* first_of(const Node& own, const Node& common, const char* key) {
  const Node* found = own.find(key);
  return found != nullptr ? found : common.find(key);
}

}  // namespace

Graph parse_graph(const Family& family, const Node& common) {
  const Node& own = family.graph;
  if (own.is_null())
    throw ConfigError("models of the family '" + family.id +
                      "' cannot be run yet: its file has no 'graph'; what needs no activations "
                      "(conversion, rounding to nearest) works");
  check_keys(own, "'graph'", {"let", "ropes", "embed", "layer", "head", "unused", "errors"});
  Graph graph;
  add_lets(common.find("let"), graph.let);
  for (const auto& [name, expression] : family.let) graph.let[name] = expression;
  add_lets(own.find("let"), graph.let);
  if (const Node* ropes = first_of(own, common, "ropes")) graph.ropes = *ropes;
  graph.embed = operations(first_of(own, common, "embed"), common);
  graph.layer = operations(own.find("layer"), common);
  graph.head = operations(first_of(own, common, "head"), common);
  graph.unused = strings(first_of(own, common, "unused"), "unused");
  if (const Node* errors = own.find("errors"))
    for (const Node& item : errors->items()) {
      check_keys(item, "a condition", {"when", "text"});
      graph.errors.push_back({optional_expression(item, "when"), optional_string(item, "text")});
    }
  return graph;
}

Graph installed_graph(const Family& family) {
  static const Node common = load_yaml(data_folder() / "families" / "common" / "graphs.yaml");
  return parse_graph(family, common);
}

}  // namespace pq
