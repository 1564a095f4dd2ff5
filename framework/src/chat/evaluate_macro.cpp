// Macros and call blocks, as jinja2.runtime.Macro binds their arguments.
#include "chat/evaluator.hpp"

#include <algorithm>

namespace pq::jinja {
namespace {

struct MacroObject final : Callable {
  MacroObject(Evaluator& owner, std::shared_ptr<const Function> code, ScopePtr around)
      : evaluator(owner), function(std::move(code)), definition(std::move(around)) {}

  std::string_view type_name() const noexcept override { return "Macro"; }
  Value call(Runtime&, std::vector<Value> positional,
             std::vector<std::pair<std::string, Value>> named) override {
    return evaluator.call_function(*function, definition, std::move(positional), std::move(named));
  }

  Evaluator& evaluator;
  std::shared_ptr<const Function> function;
  ScopePtr definition;
};

Value as_dict(Runtime& runtime, const std::vector<std::pair<std::string, Value>>& named) {
  std::vector<std::pair<Value, Value>> items;
  for (const auto& [name, value] : named) items.emplace_back(Value(name), value);
  return runtime.dict(std::move(items));
}

}  // namespace

Value Evaluator::call_function(const Function& function, const ScopePtr& definition, Positional positional,
                               Named named) {
  const Nested nested(runtime_);
  Arguments arguments("the macro '" + function.name + "'", std::move(positional), std::move(named));
  const auto scope = std::make_shared<Scope>(definition);
  bool takes_caller = false;
  for (const Parameter& parameter : function.parameters) {
    takes_caller = takes_caller || parameter.name == "caller";
    if (auto value = arguments.take(parameter.name))
      scope->set(parameter.name, *std::move(value));
    else if (parameter.fallback != nullptr)
      scope->set(parameter.name, evaluate(parameter.fallback, scope));
    else
      scope->set(parameter.name, Value::undefined("parameter '" + parameter.name + "' was not provided"));
  }
  if (function.uses_varargs) scope->set("varargs", runtime_.tuple(arguments.rest()));
  if (function.uses_caller && !takes_caller) {
    const auto caller = arguments.take_named("caller");
    scope->set("caller", caller ? *caller : Value::undefined("no caller is defined"));
  }
  if (function.uses_kwargs) scope->set("kwargs", as_dict(runtime_, arguments.rest_named()));
  arguments.finish();
  std::string out;
  run(function.body, scope, out);
  return runtime_.text(std::move(out));
}

Flow Evaluator::execute(const Macro& node, const ScopePtr& scope, std::string&) {
  scope->set(node.function->name, Value(runtime_.make<MacroObject>(*this, node.function, scope)));
  return Flow::next;
}

Flow Evaluator::execute(const CallBlock& node, const ScopePtr& scope, std::string& out) {
  auto* caller = runtime_.make<MacroObject>(*this, node.caller, scope);
  const Nested nested(runtime_);
  const Value result = call_node(std::get<Call>(node.call->data), scope, {{"caller", Value(caller)}});
  write(out, runtime_.to_text(result));
  return Flow::next;
}

}  // namespace pq::jinja
