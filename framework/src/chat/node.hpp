// The parsed template. Immutable, so that any number of renderings may share it.
#pragma once

#include "chat/value.hpp"

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace pq::jinja {

struct Builtin;
struct Expression;
using ExpressionPtr = std::shared_ptr<const Expression>;
using Expressions = std::vector<ExpressionPtr>;

struct Literal {
  Value value;
};
struct Name {
  std::string name;
};
struct ListDisplay {
  Expressions items;
  bool is_tuple = false;
};
struct DictDisplay {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items;
};
struct Attribute {  // object.name
  ExpressionPtr object;
  std::string name;
};
struct Subscript {  // object[index]
  ExpressionPtr object, index;
};
struct Slice {  // object[start:stop:step]; parts may be nullptr
  ExpressionPtr object, start, stop, step;
};
struct CallArguments {
  Expressions positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr more, more_named;  // f(*more, **more_named); nullptr = none
};
struct Call {
  ExpressionPtr callee;
  CallArguments arguments;
};
struct Filter {
  ExpressionPtr value;
  const Builtin* filter = nullptr;
  CallArguments arguments;
};
struct Test {
  ExpressionPtr value;
  const Builtin* test = nullptr;
  CallArguments arguments;
};
struct Unary {  // "-", "+", "not"
  std::string op;
  ExpressionPtr operand;
};
struct Binary {  // "+", "-", "*", "/", "//", "%", "**"
  std::string op;
  ExpressionPtr left, right;
};
struct Concat {  // a ~ b ~ c
  Expressions items;
};
struct Comparison {  // a < b == c: each pair, from left to right
  ExpressionPtr first;
  std::vector<std::pair<std::string, ExpressionPtr>> rest;
};
struct Logic {
  bool is_and = false;
  ExpressionPtr left, right;
};
struct Conditional {  // value if test else otherwise; `otherwise` may be nullptr
  ExpressionPtr test, value, otherwise;
};

struct Expression {
  using Data = std::variant<Literal, Name, ListDisplay, DictDisplay, Attribute, Subscript, Slice, Call,
                            Filter, Test, Unary, Binary, Concat, Comparison, Logic, Conditional>;
  Data data;
  std::size_t line = 0;
  int depth = 1;  // expressions inside each other
};

/// What is assigned to: a name, an attribute of a namespace, or several of them.
struct Target {
  std::string name, attribute;
  std::vector<Target> items;  // a tuple, if not empty
};

struct Statement;
using Statements = std::vector<Statement>;

struct TextOutput {
  std::string text;
};
struct Print {
  ExpressionPtr value;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Statements>> branches;
  Statements otherwise;
};
struct For {
  Target target;
  ExpressionPtr elements, filter;  // `filter` may be nullptr
  Statements body, otherwise;
};
struct Set {
  Target target;
  ExpressionPtr value;
};
struct SetBlock {  // `filters` applied to the name kBlockName; nullptr = none
  Target target;
  ExpressionPtr filters;
  Statements body;
};
struct FilterBlock {
  ExpressionPtr filters;
  Statements body;
};
struct Parameter {
  std::string name;
  ExpressionPtr fallback;  // nullptr = none
};
struct Function {
  std::string name;
  std::vector<Parameter> parameters;
  Statements body;
  bool uses_caller = false, uses_varargs = false, uses_kwargs = false;
};
struct Macro {
  std::shared_ptr<const Function> function;
};
struct CallBlock {
  std::shared_ptr<const Function> caller;
  ExpressionPtr call;  // a Call
};
struct With {
  std::vector<std::pair<Target, ExpressionPtr>> values;
  Statements body;
};
struct Scoped {  // {% generation %}: a scope of its own, else nothing
  Statements body;
};
struct Jump {
  bool is_break = false;
};

struct Statement {
  using Data = std::variant<TextOutput, Print, If, For, Set, SetBlock, FilterBlock, Macro, CallBlock, With,
                            Scoped, Jump>;
  Data data;
  std::size_t line = 0;
};

/// Stands for the text of a block inside its filters; no template can name it.
inline constexpr const char* kBlockName = "{block}";

}  // namespace pq::jinja
