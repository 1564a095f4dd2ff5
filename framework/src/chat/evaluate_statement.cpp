// Statements.
#include "chat/evaluator.hpp"

namespace pq::jinja {

Flow Evaluator::run(const Statements& statements, const ScopePtr& scope, std::string& out) {
  const Nested nested(runtime_);
  for (const Statement& statement : statements) {
    runtime_.step();
    try {
      const Flow flow =
          std::visit([&](const auto& node) { return execute(node, scope, out); }, statement.data);
      if (flow != Flow::next) return flow;
    } catch (const TemplateError& error) {
      if (error.line() != 0) throw;
      throw TemplateError(error.what(), statement.line);
    }
  }
  return Flow::next;
}

void Evaluator::write(std::string& out, std::string_view text) {
  if (out.size() + text.size() > runtime_.limits().output_bytes)
    throw TemplateError("the output is larger than " + std::to_string(runtime_.limits().output_bytes) +
                        " bytes");
  runtime_.allocate(text.size());
  out += text;
}

Flow Evaluator::execute(const TextOutput& node, const ScopePtr&, std::string& out) {
  write(out, node.text);
  return Flow::next;
}

Flow Evaluator::execute(const Print& node, const ScopePtr& scope, std::string& out) {
  const Value value = evaluate(node.value, scope);
  if (value.is_text())
    write(out, value.text());
  else
    write(out, runtime_.to_text(value));
  return Flow::next;
}

// No scope of its own: what is set inside stays.
Flow Evaluator::execute(const If& node, const ScopePtr& scope, std::string& out) {
  for (const auto& [condition, body] : node.branches)
    if (is_true(evaluate(condition, scope))) return run(body, scope, out);
  return run(node.otherwise, scope, out);
}

Flow Evaluator::execute(const For& node, const ScopePtr& scope, std::string& out) {
  std::function<bool(const Value&)> accepts;
  if (node.filter != nullptr)
    accepts = [&](const Value& element) {
      const auto inner = std::make_shared<Scope>(scope);
      assign(node.target, element, *inner);
      return is_true(evaluate(node.filter, inner));
    };
  auto* loop = runtime_.make<Loop>(runtime_.elements(evaluate(node.elements, scope)), std::move(accepts));
  struct Finish {
    Loop* loop;
    ~Finish() { loop->abandon(); }
  } const finish{loop};
  Value element;
  bool is_empty = true;
  Flow flow = Flow::next;
  while (flow != Flow::leave && loop->advance(element)) {
    is_empty = false;
    runtime_.step();
    const auto inner = std::make_shared<Scope>(scope);
    inner->set("loop", Value(static_cast<Object*>(loop)));
    assign(node.target, std::move(element), *inner);
    flow = run(node.body, inner, out);
  }
  return is_empty ? run(node.otherwise, std::make_shared<Scope>(scope), out) : Flow::next;
}

void Evaluator::assign(const Target& target, Value value, Scope& scope) {
  if (!target.items.empty()) {
    const std::vector<Value> parts = runtime_.elements(value);
    if (parts.size() != target.items.size())
      throw TemplateError("a value with " + std::to_string(parts.size()) +
                          " elements cannot be assigned to " + std::to_string(target.items.size()) +
                          " names");
    for (std::size_t i = 0; i < parts.size(); ++i) assign(target.items[i], parts[i], scope);
  } else if (target.attribute.empty()) {
    scope.set(target.name, std::move(value));
  } else {
    std::size_t scopes = 0;
    const Value* found = scope.find(target.name, scopes);
    runtime_.step(scopes / 8);
    auto* names = found == nullptr ? nullptr : dynamic_cast<Namespace*>(found->object());
    if (names == nullptr)
      throw TemplateError("'" + target.name + "." + target.attribute + "' cannot be set, as '" + target.name +
                          "' is not a namespace");
    names->set(target.attribute, std::move(value));
  }
}

Flow Evaluator::execute(const Set& node, const ScopePtr& scope, std::string&) {
  assign(node.target, evaluate(node.value, scope), *scope);
  return Flow::next;
}

Flow Evaluator::execute(const SetBlock& node, const ScopePtr& scope, std::string&) {
  std::string text;
  const auto inner = std::make_shared<Scope>(scope);
  const Flow flow = run(node.body, inner, text);
  if (flow != Flow::next) return flow;
  Value value = runtime_.text(std::move(text));
  if (node.filters != nullptr) {
    inner->set(kBlockName, std::move(value));
    value = evaluate(node.filters, inner);
  }
  assign(node.target, std::move(value), *scope);
  return Flow::next;
}

Flow Evaluator::execute(const FilterBlock& node, const ScopePtr& scope, std::string& out) {
  std::string text;
  const auto inner = std::make_shared<Scope>(scope);
  const Flow flow = run(node.body, inner, text);
  if (flow != Flow::next) return flow;
  inner->set(kBlockName, runtime_.text(std::move(text)));
  write(out, runtime_.to_text(evaluate(node.filters, inner)));
  return Flow::next;
}

Flow Evaluator::execute(const With& node, const ScopePtr& scope, std::string& out) {
  const auto inner = std::make_shared<Scope>(scope);
  std::vector<Value> values;
  for (const auto& [target, expression] : node.values) values.push_back(evaluate(expression, scope));
  for (std::size_t i = 0; i < values.size(); ++i) assign(node.values[i].first, values[i], *inner);
  return run(node.body, inner, out);
}

Flow Evaluator::execute(const Scoped& node, const ScopePtr& scope, std::string& out) {
  return run(node.body, std::make_shared<Scope>(scope), out);
}

Flow Evaluator::execute(const Jump& node, const ScopePtr&, std::string&) {
  return node.is_break ? Flow::leave : Flow::again;
}

}  // namespace pq::jinja
