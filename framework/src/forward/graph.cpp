#include "forward/graph.hpp"

#include "config/yaml.hpp"
#include "model/family_rules.hpp"
#include "plugin/registry.hpp"

#include <polyquant/base/error.hpp>

namespace pq {
namespace {

// `when` of a {use: ...} holds for all that it brings, beside their own.
void add_condition(Node& operation, const Node& condition) {
  const Node* own = operation.find("when");
  const std::string outer = condition.as_string("when");
  const std::string both =
      own == nullptr || own->is_null() ? outer : "(" + outer + ") and (" + own->as_string("when") + ")";
  operation.set("when", Node::scalar(both, false, condition.mark()), condition.mark());
}

// A list of operations with {use: NAME} replaced by the items of the list NAME of graphs.yaml, also in the lists of operations inside.
std::vector<Node> operations(const Node* list, const Node& common, int depth = 0) {
  std::vector<Node> result;
  if (list == nullptr || list->is_null()) return result;
  if (!list->is_sequence()) throw_at(list->mark(), "a list of operations is expected here");
  if (depth > 8) throw_at(list->mark(), "lists use each other in a circle");
  for (const Node& item : list->items()) {
    if (const Node* use = item.find("use")) {
      check_keys(item, "'use'", {"use", "when"});
      const Node* lists = common.find("lists");
      const Node* named = lists == nullptr ? nullptr : lists->find(use->as_string("use"));
      if (named == nullptr)
        throw_at(use->mark(), "there is no list '" + use->as_string("use") + "' in graphs.yaml");
      for (Node& step : operations(named, common, depth + 1)) {
        if (const Node* condition = item.find("when")) add_condition(step, *condition);
        result.push_back(std::move(step));
      }
      continue;
    }
    Node operation = item;
    if (const Node* each = item.find("each")) {
      Node inner = Node::sequence(each->mark());
      for (Node& step : operations(each, common, depth + 1)) inner.push_back(std::move(step));
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
