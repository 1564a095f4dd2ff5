#include "model/expression.hpp"

#include "model/expression_node.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace pq {
namespace {

using Node = Expression::Node;

constexpr std::int64_t kMaxLoop = 10000;  // more layers than any model has

Json evaluate_node(const Node& node, const Scope& scope);

Json operand(const Node& node, const Scope& scope) {
  Json value = evaluate_node(node, scope);
  if (value.is_null()) scope.missing(first_name(node));
  return value;
}

[[noreturn]] void wrong_kind(const std::string& op, const Json& a, const Json& b) {
  throw FormatError("'" + op + "' does not work on " + std::string(a.kind_name()) + " (" + display(a) +
                    ") and " + std::string(b.kind_name()) + " (" + display(b) + ")");
}

Json integer_arithmetic(const std::string& op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool overflow = false;
  if (op == "+")
    overflow = __builtin_add_overflow(a, b, &result);
  else if (op == "-")
    overflow = __builtin_sub_overflow(a, b, &result);
  else if (op == "*")
    overflow = __builtin_mul_overflow(a, b, &result);
  else if (b == 0 || (b == -1 && a == INT64_MIN))
    throw FormatError("division of " + std::to_string(a) + " by " + std::to_string(b));
  else if (op == "//")
    result = a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
  else
    result = a % b;
  if (overflow)
    throw FormatError("'" + op + "' of " + std::to_string(a) + " and " + std::to_string(b) + " is too large");
  return Json(result);
}

Json arithmetic(const std::string& op, const Json& a, const Json& b) {
  if (op == "+" && a.is_string() && b.is_string()) return Json(a.string() + b.string());
  if (!a.is_number() || !b.is_number()) wrong_kind(op, a, b);
  if (a.is_integer() && b.is_integer() && op != "/") return integer_arithmetic(op, a.integer(), b.integer());
  const double x = a.number(), y = b.number();
  if (op == "+") return Json(x + y);
  if (op == "-") return Json(x - y);
  if (op == "*") return Json(x * y);
  if (op == "/") return Json(x / y);
  if (op == "//") return Json(std::floor(x / y));
  return Json(std::fmod(x, y));
}

bool equal(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return a.number() == b.number();
  return a == b;
}

bool contains(const Json& list, const Json& item) {
  if (!list.is_array()) return false;
  return std::any_of(list.array().begin(), list.array().end(), [&](const Json& x) { return equal(x, item); });
}

Json operation(const Node& node, const Scope& scope) {
  const std::string& op = node.text;
  const Node& left = *node.children[0];
  const Node& right = *node.children[1];
  if (op == "|") {
    Json value = evaluate_node(left, scope);
    return value.is_null() ? evaluate_node(right, scope) : value;
  }
  if (op == "or") return Json(is_true(evaluate_node(left, scope)) || is_true(evaluate_node(right, scope)));
  if (op == "and") return Json(is_true(evaluate_node(left, scope)) && is_true(evaluate_node(right, scope)));
  if (op == "==") return Json(equal(evaluate_node(left, scope), evaluate_node(right, scope)));
  if (op == "!=") return Json(!equal(evaluate_node(left, scope), evaluate_node(right, scope)));
  if (op == "in") return Json(contains(evaluate_node(right, scope), evaluate_node(left, scope)));
  const Json a = operand(left, scope);
  const Json b = operand(right, scope);
  if (op[0] != '<' && op[0] != '>') return arithmetic(op, a, b);
  if (!a.is_number() || !b.is_number()) wrong_kind(op, a, b);
  if (op == "<") return Json(a.number() < b.number());
  if (op == "<=") return Json(a.number() <= b.number());
  if (op == ">") return Json(a.number() > b.number());
  return Json(a.number() >= b.number());
}

std::vector<Json> evaluate_all(const Node& node, const Scope& scope) {
  std::vector<Json> values;
  for (const auto& child : node.children) values.push_back(evaluate_node(*child, scope));
  return values;
}

// A scope with the variable of a loop in front.
class LoopScope final : public Scope {
 public:
  LoopScope(const Scope& outer, const std::string& name) : outer_(outer), name_(name) {}
  void set(Json value) { value_ = std::move(value); }
  Json lookup(const std::string& name) const override { return name == name_ ? value_ : outer_.lookup(name); }
  Json call(const std::string& function, const std::vector<Json>& arguments) const override {
    return outer_.call(function, arguments);
  }
  [[noreturn]] void missing(const std::string& name) const override {
    outer_.missing(name);
    __builtin_unreachable();  // gcc 12 does not see that the call above never returns
  }

 private:
  const Scope& outer_;
  const std::string& name_;
  Json value_;
};

// The list that a loop goes through: a list, or 0, 1, ... up to a number.
Json::Array loop_items(const Json& source) {
  if (source.is_array()) return source.array();
  if (!source.is_integer() || source.integer() < 0 || source.integer() > kMaxLoop)
    throw FormatError("each() and where() need a list or a number of at most " + std::to_string(kMaxLoop) +
                      ", got " + display(source));
  Json::Array items;
  for (std::int64_t i = 0; i < source.integer(); ++i) items.emplace_back(i);
  return items;
}

Json loop(const Node& node, const Scope& scope) {
  LoopScope inner(scope, node.text);
  Json::Array results;
  for (const Json& item : loop_items(operand(*node.children[0], scope))) {
    inner.set(item);
    Json value = evaluate_node(*node.children[1], inner);
    if (!node.value.boolean())
      results.push_back(std::move(value));
    else if (is_true(value))
      results.push_back(item);
  }
  return Json(std::move(results));
}

Json evaluate_node(const Node& node, const Scope& scope) {
  switch (node.kind) {
    case Node::Kind::constant:
      return node.value;
    case Node::Kind::name:
      return scope.lookup(node.text);
    case Node::Kind::list:
      return Json(evaluate_all(node, scope));
    case Node::Kind::negation:
      return Json(!is_true(evaluate_node(*node.children[0], scope)));
    case Node::Kind::choice:
      return evaluate_node(*node.children[is_true(evaluate_node(*node.children[0], scope)) ? 1 : 2], scope);
    case Node::Kind::loop:
      return loop(node, scope);
    case Node::Kind::operation:
      return operation(node, scope);
    case Node::Kind::call: {
      const std::vector<Json> arguments = evaluate_all(node, scope);
      Json result;
      return call_builtin(node.text, arguments, result) ? result : scope.call(node.text, arguments);
    }
  }
  return Json();
}

double shortest_double(float value) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double result = 0;
  std::from_chars(text, end, result);
  return result;
}

Json extreme(const std::vector<Json>& arguments, bool largest) {
  const Json* best = nullptr;
  for (const Json& x : arguments) {
    if (!x.is_number()) continue;
    if (best == nullptr || (largest ? x.number() > best->number() : x.number() < best->number())) best = &x;
  }
  return best == nullptr ? Json() : *best;
}

Json to_integer(double x) {
  if (!(std::abs(x) < 9e18)) throw FormatError("int(" + std::to_string(x) + ") is no 64-bit integer");
  return Json(static_cast<std::int64_t>(x));
}

}  // namespace

bool is_true(const Json& value) {
  if (value.is_null()) return false;
  if (value.is_bool()) return value.boolean();
  if (value.is_number()) return value.number() != 0;
  if (value.is_string()) return !value.string().empty();
  return value.is_object() || !value.array().empty();
}

bool call_builtin(const std::string& function, const std::vector<Json>& arguments, Json& result) {
  const Json first = arguments.empty() ? Json() : arguments[0];
  if (function == "min" || function == "max") {
    result = extreme(arguments, function == "max");
  } else if (function == "contains") {
    result = Json(arguments.size() == 2 && contains(first, arguments[1]));
  } else if (function == "length") {
    result = first.is_array() ? Json(static_cast<std::int64_t>(first.array().size())) : Json();
  } else if (function == "int" || function == "sqrt" || function == "ln" || function == "f32" ||
             function == "float") {
    if (first.is_null()) {
      result = Json();
      return true;
    }
    if (!first.is_number()) throw FormatError(function + "() needs a number, got " + display(first));
    const double x = first.number();
    if (function == "int")
      result = to_integer(x);
    else if (function == "sqrt")
      result = Json(std::sqrt(x));
    else if (function == "ln")
      result = Json(std::log(x));
    else if (function == "f32")
      result = Json(shortest_double(static_cast<float>(x)));
    else
      result = Json(x);
  } else {
    return false;
  }
  return true;
}

Json Expression::evaluate(const Scope& scope) const { return root_ ? evaluate_node(*root_, scope) : Json(); }

bool Expression::test(const Scope& scope, bool fallback) const {
  return root_ ? is_true(evaluate_node(*root_, scope)) : fallback;
}

std::int64_t Expression::integer(const Scope& scope) const {
  const Json value = evaluate(scope);
  if (value.is_null()) scope.missing(first_name());
  if (!value.is_integer())
    throw FormatError("'" + text_ + "' must be an integer, got " + std::string(value.kind_name()) + " (" +
                      display(value) + ")");
  return value.integer();
}

std::string display(const Json& value) { return value.is_string() ? value.string() : to_json(value, -1); }

std::string fill_in(std::string_view text, const Scope& scope) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t open = text.find('{', at);
    const std::size_t close = open == std::string_view::npos ? open : text.find('}', open);
    if (close == std::string_view::npos) break;
    out.append(text.substr(at, open - at));
    out += display(Expression::parse(text.substr(open + 1, close - open - 1)).evaluate(scope));
    at = close + 1;
  }
  out.append(text.substr(at));
  return out;
}

}  // namespace pq
