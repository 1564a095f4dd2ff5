// The syntax tree of an expression.
#pragma once

#include "model/expression.hpp"

namespace pq {

struct Expression::Node {
  enum class Kind { constant, name, call, list, operation, negation, choice, loop } kind = Kind::constant;
  std::string text;  // the name, the function, the operator, or the variable of a loop
  Json value;        // of a constant; true: a loop that filters
  std::vector<std::shared_ptr<const Node>> children;
};

/// The value of the tree.
Json evaluate_node(const Expression::Node& node, const Scope& scope);
/// "a string (x)", for messages.
std::string described(const Json& value);
bool contains(const Json& list, const Json& item);

/// The first name in the tree, "" if there is none.
std::string first_name(const Expression::Node& node);
/// Appends all names in the tree.
void collect_names(const Expression::Node& node, std::vector<std::string>& names);

}  // namespace pq
