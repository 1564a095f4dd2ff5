// Expressions.
#include "chat/arithmetic.hpp"
#include "chat/attributes.hpp"
#include "chat/evaluator.hpp"

#include <set>
#include <string>

namespace pq::jinja {

Value Evaluator::evaluate(const Expression& expression, const ScopePtr& scope) {
  const Nested nested(runtime_);
  runtime_.step();
  try {
    return std::visit([&](const auto& node) { return visit(node, scope); }, expression.data);
  } catch (const TemplateError& error) {
    if (error.line() != 0) throw;
    throw TemplateError(error.what(), expression.line);
  }
}

Value Evaluator::visit(const Literal& node, const ScopePtr&) { return node.value; }

Value Evaluator::visit(const Name& node, const ScopePtr& scope) {
  std::size_t scopes = 0;
  const Value* found = scope->find(node.name, scopes);
  runtime_.step(scopes / 8);
  if (found != nullptr) return *found;
  return Value::undefined("'" + node.name + "' is undefined");
}

Value Evaluator::visit(const ListDisplay& node, const ScopePtr& scope) {
  std::vector<Value> items;
  for (const ExpressionPtr& item : node.items) items.push_back(evaluate(item, scope));
  return runtime_.sequence(node.is_tuple ? SequenceKind::tuple : SequenceKind::list, std::move(items));
}

Value Evaluator::visit(const DictDisplay& node, const ScopePtr& scope) {
  Dict result;
  for (const auto& [key_node, value_node] : node.items) {
    Value key = evaluate(key_node, scope);
    Value value = evaluate(value_node, scope);
    if (!is_hashable(key))
      throw TemplateError("a value of type " + std::string(type_name(key)) + " cannot be a key of a dict");
    bool is_new = true;
    for (auto& [old_key, old_value] : result.items) {
      if (!runtime_.equal(old_key, key)) continue;
      old_value = value;
      is_new = false;
    }
    if (is_new) result.items.emplace_back(std::move(key), std::move(value));
  }
  return runtime_.dict(std::move(result.items));
}

Value Evaluator::visit(const Attribute& node, const ScopePtr& scope) {
  return attribute_of(runtime_, evaluate(node.object, scope), node.name);
}

Value Evaluator::visit(const Subscript& node, const ScopePtr& scope) {
  const Value object = evaluate(node.object, scope);
  return item_of(runtime_, object, evaluate(node.index, scope));
}

Value Evaluator::visit(const Slice& node, const ScopePtr& scope) {
  const auto part = [&](const ExpressionPtr& expression) {
    return expression == nullptr ? Value() : evaluate(expression, scope);
  };
  const Value object = evaluate(node.object, scope);
  const Value start = part(node.start), stop = part(node.stop);
  return slice_of(runtime_, object, start, stop, part(node.step));
}

void Evaluator::collect(const CallArguments& arguments, const ScopePtr& scope, Positional& positional,
                        Named& named) {
  for (const ExpressionPtr& argument : arguments.positional) positional.push_back(evaluate(argument, scope));
  for (const auto& [name, argument] : arguments.named) named.emplace_back(name, evaluate(argument, scope));
  if (arguments.more != nullptr)
    for (Value& value : runtime_.elements(evaluate(arguments.more, scope)))
      positional.push_back(std::move(value));
  if (arguments.more_named != nullptr) collect_named(evaluate(arguments.more_named, scope), named);
}

// f(**dict)
void Evaluator::collect_named(const Value& value, Named& named) {
  if (value.dict() == nullptr)
    throw TemplateError("what follows '**' must be a dict, not a value of type " +
                        std::string(type_name(value)));
  std::set<std::string> names;
  for (const auto& [name, unused] : named) names.insert(name);
  for (const auto& [key, item] : value.dict()->items) {
    if (!key.is_text()) throw TemplateError("names of arguments must be strings");
    runtime_.step(1 + key.text().size() / 16);
    if (!names.insert(key.text()).second)
      throw TemplateError("the argument '" + key.text() + "' is given twice");
    named.emplace_back(key.text(), item);
  }
}

Value Evaluator::visit(const Call& node, const ScopePtr& scope) { return call_node(node, scope, {}); }

Value Evaluator::call_node(const Call& node, const ScopePtr& scope, Named extra) {
  Positional positional;
  if (const auto* member = std::get_if<Attribute>(&node.callee->data)) {
    const Value object = evaluate(member->object, scope);
    if (const Builtin* method = method_of(object, member->name)) {
      positional.push_back(object);
      collect(node.arguments, scope, positional, extra);
      return call_builtin(runtime_, *method, "method", std::move(positional), std::move(extra));
    }
    const Value callee = attribute_of(runtime_, object, member->name);
    collect(node.arguments, scope, positional, extra);
    return call(callee, std::move(positional), std::move(extra));
  }
  const Value callee = evaluate(node.callee, scope);
  collect(node.arguments, scope, positional, extra);
  return call(callee, std::move(positional), std::move(extra));
}

Value Evaluator::call(const Value& callee, Positional positional, Named named) {
  if (callee.is_undefined()) throw TemplateError(*std::get<Undefined>(callee.data()).reason);
  auto* function = dynamic_cast<Callable*>(callee.object());
  if (function == nullptr)
    throw TemplateError("a value of type " + std::string(type_name(callee)) + " cannot be called");
  return function->call(runtime_, std::move(positional), std::move(named));
}

Value Evaluator::visit(const Filter& node, const ScopePtr& scope) {
  Positional positional{evaluate(node.value, scope)};
  Named named;
  collect(node.arguments, scope, positional, named);
  return call_builtin(runtime_, *node.filter, "filter", std::move(positional), std::move(named));
}

Value Evaluator::visit(const Test& node, const ScopePtr& scope) {
  Positional positional{evaluate(node.value, scope)};
  Named named;
  collect(node.arguments, scope, positional, named);
  return call_builtin(runtime_, *node.test, "test", std::move(positional), std::move(named));
}

Value Evaluator::visit(const Unary& node, const ScopePtr& scope) {
  const Value operand = evaluate(node.operand, scope);
  if (node.op == "not") return Value(!is_true(operand));
  return unary(node.op, operand);
}

Value Evaluator::visit(const Binary& node, const ScopePtr& scope) {
  const Value left = evaluate(node.left, scope);
  return binary(runtime_, node.op, left, evaluate(node.right, scope));
}

Value Evaluator::visit(const Concat& node, const ScopePtr& scope) {
  std::string text;
  for (const ExpressionPtr& item : node.items) {
    const Value value = evaluate(item, scope);
    const std::size_t before = text.size();
    text += runtime_.to_text(value);
    runtime_.allocate(text.size() - before);
  }
  return runtime_.text(std::move(text));
}

Value Evaluator::visit(const Comparison& node, const ScopePtr& scope) {
  Value left = evaluate(node.first, scope);
  for (const auto& [op, expression] : node.rest) {
    Value right = evaluate(expression, scope);
    if (!compare(runtime_, op, left, right)) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Value Evaluator::visit(const Logic& node, const ScopePtr& scope) {
  Value left = evaluate(node.left, scope);
  return is_true(left) == node.is_and ? evaluate(node.right, scope) : left;
}

Value Evaluator::visit(const Conditional& node, const ScopePtr& scope) {
  if (is_true(evaluate(node.test, scope))) return evaluate(node.value, scope);
  if (node.otherwise != nullptr) return evaluate(node.otherwise, scope);
  return Value::undefined("an 'if' inside an expression is false and has no 'else'");
}

}  // namespace pq::jinja
