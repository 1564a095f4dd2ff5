// Runs a parsed template.
#pragma once

#include "chat/node.hpp"
#include "chat/objects.hpp"
#include "chat/scope.hpp"

#include <string>

namespace pq::jinja {

/// What a statement asks the loop around it to do.
enum class Flow { next, again, leave };

/// One rendering; used by one thread.
class Evaluator {
 public:
  explicit Evaluator(Runtime& runtime) : runtime_(runtime) {}

  Flow run(const Statements& statements, const ScopePtr& scope, std::string& out);
  Value evaluate(const Expression& expression, const ScopePtr& scope);
  Value evaluate(const ExpressionPtr& expression, const ScopePtr& scope) {
    return evaluate(*expression, scope);
  }
  /// Calls a macro, a method or a function.
  Value call(const Value& callee, std::vector<Value> positional,
             std::vector<std::pair<std::string, Value>> named);
  /// Runs a macro's body.
  Value call_function(const Function& function, const ScopePtr& definition, std::vector<Value> positional,
                      std::vector<std::pair<std::string, Value>> named);

 private:
  using Positional = std::vector<Value>;
  using Named = std::vector<std::pair<std::string, Value>>;

  Value visit(const Literal& node, const ScopePtr& scope);
  Value visit(const Name& node, const ScopePtr& scope);
  Value visit(const ListDisplay& node, const ScopePtr& scope);
  Value visit(const DictDisplay& node, const ScopePtr& scope);
  Value visit(const Attribute& node, const ScopePtr& scope);
  Value visit(const Subscript& node, const ScopePtr& scope);
  Value visit(const Slice& node, const ScopePtr& scope);
  Value visit(const Call& node, const ScopePtr& scope);
  Value visit(const Filter& node, const ScopePtr& scope);
  Value visit(const Test& node, const ScopePtr& scope);
  Value visit(const Unary& node, const ScopePtr& scope);
  Value visit(const Binary& node, const ScopePtr& scope);
  Value visit(const Concat& node, const ScopePtr& scope);
  Value visit(const Comparison& node, const ScopePtr& scope);
  Value visit(const Logic& node, const ScopePtr& scope);
  Value visit(const Conditional& node, const ScopePtr& scope);

  Flow execute(const TextOutput& node, const ScopePtr& scope, std::string& out);
  Flow execute(const Print& node, const ScopePtr& scope, std::string& out);
  Flow execute(const If& node, const ScopePtr& scope, std::string& out);
  Flow execute(const For& node, const ScopePtr& scope, std::string& out);
  Flow execute(const Set& node, const ScopePtr& scope, std::string& out);
  Flow execute(const SetBlock& node, const ScopePtr& scope, std::string& out);
  Flow execute(const FilterBlock& node, const ScopePtr& scope, std::string& out);
  Flow execute(const Macro& node, const ScopePtr& scope, std::string& out);
  Flow execute(const CallBlock& node, const ScopePtr& scope, std::string& out);
  Flow execute(const With& node, const ScopePtr& scope, std::string& out);
  Flow execute(const Scoped& node, const ScopePtr& scope, std::string& out);
  Flow execute(const Jump& node, const ScopePtr& scope, std::string& out);

  Value call_node(const Call& node, const ScopePtr& scope, Named extra);
  void collect_named(const Value& value, Named& named);
  void collect(const CallArguments& arguments, const ScopePtr& scope, Positional& positional, Named& named);
  void assign(const Target& target, Value value, Scope& scope);
  void write(std::string& out, std::string_view text);

  Runtime& runtime_;
};

}  // namespace pq::jinja
