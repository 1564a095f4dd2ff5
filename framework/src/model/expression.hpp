// Small expressions of the family files: "head_dim | hidden_size // num_attention_heads".
//
//   a | b (the first that is not null)   or and not   == != < <= > >=   in   + - * / // %   -a   if(condition, a, b)
//   names of keys with dots, numbers, 'strings', true false null, [lists], functions(...)
//   each(x, list, f(x)): a list of the values of f; where(x, list, f(x)): the x for which f is true. A number n stands for [0, 1, ... n-1].
// (No operators with ? and : because YAML has its own use for them.)
// A name that does not exist is null. Arithmetic with null is an error that names the key.
#pragma once

#include "base/json.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

/// Where names and functions of an expression come from.
class Scope {
 public:
  virtual ~Scope() = default;
  /// The value of a name; null if there is none.
  virtual Json lookup(const std::string& name) const = 0;
  /// Calls a function. Throws ConfigError for an unknown one.
  virtual Json call(const std::string& function, const std::vector<Json>& arguments) const = 0;
  /// Throws FormatError: `name` was needed and is null.
  [[noreturn]] virtual void missing(const std::string& name) const = 0;
  /// Throws FormatError: the value of `name` cannot be used; `what` follows the key's name ("must be a number, not ...").
  [[noreturn]] void wrong(const std::string& name, const std::string& what) const;
  /// The file that the names come from, for messages.
  virtual const std::string& source() const noexcept = 0;
  /// The key of the file that gives `name` its value: of several, the first whose value is not `good`.
  using Test = std::function<bool(const Json&)>;
  virtual std::string origin(const std::string& name, const Test& good) const = 0;
};

/// A parsed expression. Immutable, callable from any thread.
class Expression {
 public:
  struct Node;

  Expression() = default;  // evaluates to null
  /// Throws ConfigError (without a place) for a syntax error.
  static Expression parse(std::string_view text);

  const std::string& text() const noexcept { return text_; }
  bool empty() const noexcept { return root_ == nullptr; }
  Json evaluate(const Scope& scope) const;
  /// null, false, 0 and "" are false. An empty expression gives `fallback`.
  bool test(const Scope& scope, bool fallback) const;
  /// An integer; throws FormatError for anything else.
  std::int64_t integer(const Scope& scope) const;
  /// The first name in the text, "" if there is none: what a message should name.
  std::string first_name() const;
  /// All names in the text.
  std::vector<std::string> names() const;
  /// Throws FormatError: the value cannot be used because of the first name whose own value is not `good`.
  [[noreturn]] void wrong(const Scope& scope, const Scope::Test& good, const std::string& what) const;

 private:
  std::string text_;
  std::shared_ptr<const Node> root_;
};

/// The shortest decimal that gives this f32, as a double: 0.1 rather than 0.10000000149011612.
double shortest_double(float value);

/// Truth of a value: null, false, 0, "" and empty lists are false.
bool is_true(const Json& value);

/// min, max, int, float, sqrt, ln, length, contains, item (of a list; null if it is too short), list, f32 (shortest double of an f32): functions without state.
/// Returns false if there is no such function.
bool call_builtin(const std::string& function, const std::vector<Json>& arguments, Json& result);

/// Replaces {expression} in a text by its value.
std::string fill_in(std::string_view text, const Scope& scope);

/// The value as it stands in messages and names: 280, yarn, 0.5.
std::string display(const Json& value);

}  // namespace pq
