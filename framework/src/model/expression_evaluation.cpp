// The value of a syntax tree.
#include "model/expression_node.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <cmath>

namespace pq {

std::string described(const Json& value) {
  return std::string(value.kind_name()) + " (" + display(value) + ")";
}

namespace {

bool equal(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return a.number() == b.number();
  return a == b;
}

}  // namespace

bool contains(const Json& list, const Json& item) {
  if (!list.is_array()) return false;
  return std::any_of(list.array().begin(), list.array().end(), [&](const Json& x) { return equal(x, item); });
}

namespace {

using Node = Expression::Node;

constexpr std::int64_t kMaxLoop = 10000;  // more layers than any model has
constexpr double kMaxInteger = 9e18;
constexpr double kUsual =
    1e12;  // above every number of a config.json: of several keys in a message the larger one is named

Json operand(const Node& node, const Scope& scope) {
  Json value = evaluate_node(node, scope);
  if (value.is_null()) scope.missing(first_name(node));
  return value;
}

// What a key may hold that only takes part in a computation.
bool is_usual(const Json& value) { return value.is_number() && std::abs(value.number()) < kUsual; }

// The value of `node` cannot be used; names the key that it comes from.
[[noreturn]] void wrong_operand(const Node& node, const Scope& scope, const std::string& what) {
  std::vector<std::string> names;
  collect_names(node, names);
  if (names.empty()) throw FormatError(scope.source() + ": a number of the family's file " + what);
  for (const std::string& name : names)
    if (const Json value = scope.lookup(name); !value.is_null() && !is_usual(value))
      scope.wrong(scope.origin(name, is_usual), what);
  scope.wrong(scope.origin(names.front(), is_usual), what);
}

double magnitude(std::int64_t x) { return std::abs(static_cast<double>(x)); }

Json integer_arithmetic(const Node& node, const Scope& scope, std::int64_t a, std::int64_t b) {
  const std::string& op = node.text;
  std::int64_t result = 0;
  bool overflow = false;
  if (op == "+")
    overflow = __builtin_add_overflow(a, b, &result);
  else if (op == "-")
    overflow = __builtin_sub_overflow(a, b, &result);
  else if (op == "*")
    overflow = __builtin_mul_overflow(a, b, &result);
  else if (b == 0 || (b == -1 && a == INT64_MIN))
    wrong_operand(*node.children[1], scope, "must not be " + std::to_string(b));
  else if (op == "//")
    result = a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
  else
    result = a % b;
  if (overflow)
    wrong_operand(*node.children[magnitude(a) > magnitude(b) ? 0 : 1], scope,
                  "is too large: '" + op + "' of " + std::to_string(a) + " and " + std::to_string(b));
  return Json(result);
}

Json arithmetic(const Node& node, const Scope& scope, const Json& a, const Json& b) {
  const std::string& op = node.text;
  if (op == "+" && a.is_string() && b.is_string()) return Json(a.string() + b.string());
  if (a.is_integer() && b.is_integer() && op != "/")
    return integer_arithmetic(node, scope, a.integer(), b.integer());
  const double x = a.number(), y = b.number();
  if (op == "+") return Json(x + y);
  if (op == "-") return Json(x - y);
  if (op == "*") return Json(x * y);
  if (y == 0) wrong_operand(*node.children[1], scope, "must not be 0");
  if (op == "/") return Json(x / y);
  if (op == "//") return Json(std::floor(x / y));
  return Json(std::fmod(x, y));
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
  const bool texts = op == "+" && a.is_string() && b.is_string();
  if (!a.is_number() && !texts) wrong_operand(left, scope, "must be a number, not " + described(a));
  if (!b.is_number() && !texts) wrong_operand(right, scope, "must be a number, not " + described(b));
  if (op[0] != '<' && op[0] != '>') return arithmetic(node, scope, a, b);
  if (op == "<") return Json(a.number() < b.number());
  if (op == "<=") return Json(a.number() <= b.number());
  if (op == ">") return Json(a.number() > b.number());
  return Json(a.number() >= b.number());
}

// Functions of numbers; null gives null.
void check_numbers(const Node& call, const std::vector<Json>& arguments, const Scope& scope) {
  constexpr std::string_view kNumeric[] = {"int", "sqrt", "ln", "f32", "float", "llama3_factors"};
  if (std::find(std::begin(kNumeric), std::end(kNumeric), call.text) == std::end(kNumeric)) return;
  for (std::size_t i = 0; i < arguments.size(); ++i)
    if (!arguments[i].is_null() && !arguments[i].is_number())
      wrong_operand(*call.children[i], scope, "must be a number, not " + described(arguments[i]));
  if (call.text == "int" && arguments.size() == 1 && arguments[0].is_number() &&
      !(std::abs(arguments[0].number()) < kMaxInteger))
    wrong_operand(*call.children[0], scope,
                  "is too large: " + display(arguments[0]) + " is no 64-bit integer");
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
  const std::string& source() const noexcept override { return outer_.source(); }
  std::string origin(const std::string& name, const Test& good) const override {
    return outer_.origin(name, good);
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

}  // namespace

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
      check_numbers(node, arguments, scope);
      Json result;
      return call_builtin(node.text, arguments, result) ? result : scope.call(node.text, arguments);
    }
  }
  return Json();
}

}  // namespace pq
