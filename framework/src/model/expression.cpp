#include "model/expression.hpp"

#include "model/expression_node.hpp"

#include <polyquant/base/error.hpp>

#include <charconv>
#include <cmath>

namespace pq {
namespace {

Json extreme(const std::vector<Json>& arguments, bool largest) {
  const Json* best = nullptr;
  for (const Json& x : arguments) {
    if (!x.is_number()) continue;
    if (best == nullptr || (largest ? x.number() > best->number() : x.number() < best->number())) best = &x;
  }
  return best == nullptr ? Json() : *best;
}

}  // namespace

double shortest_double(float value) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double result = 0;
  std::from_chars(text, end, result);
  return result;
}

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
  } else if (function == "item") {
    const bool is_there = first.is_array() && arguments.size() == 2 && arguments[1].is_integer() &&
                          arguments[1].integer() >= 0 &&
                          arguments[1].integer() < static_cast<std::int64_t>(first.array().size());
    result = is_there ? first.array()[static_cast<std::size_t>(arguments[1].integer())] : Json();
  } else if (function == "length") {
    result = first.is_array() ? Json(static_cast<std::int64_t>(first.array().size())) : Json();
  } else if (function == "is_list") {
    result = Json(first.is_array());
  } else if (function == "int" || function == "sqrt" || function == "ln" || function == "f32" ||
             function == "float") {
    if (first.is_null()) {
      result = Json();
      return true;
    }
    if (!first.is_number()) throw FormatError(function + "() needs a number, got " + display(first));
    const double x = first.number();
    if (function == "int")
      result = Json(static_cast<std::int64_t>(x));  // evaluate_node() has checked the range
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
    wrong(
        scope, [](const Json& x) { return x.is_integer(); }, "must be an integer, not " + described(value));
  return value.integer();
}

void Scope::wrong(const std::string& name, const std::string& what) const {
  throw FormatError(source() + ": key '" + name + "' " + what);
}

std::vector<std::string> Expression::names() const {
  std::vector<std::string> names;
  if (root_) collect_names(*root_, names);
  return names;
}

void Expression::wrong(const Scope& scope, const Scope::Test& good, const std::string& what) const {
  const std::vector<std::string> all = names();
  if (all.empty()) throw FormatError(scope.source() + ": '" + text_ + "' of the family's file " + what);
  for (const std::string& name : all)
    if (const Json value = scope.lookup(name); !value.is_null() && !good(value))
      scope.wrong(scope.origin(name, good), what);
  scope.wrong(scope.origin(all.front(), good), what);
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
