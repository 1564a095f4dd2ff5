// map, select, reject, selectattr and rejectattr.
#include "chat/attributes.hpp"
#include "chat/objects.hpp"

namespace pq::jinja {
namespace {

// Values that are false give nothing, whatever their type: "if value:" in jinja2/filters.py.
std::vector<Value> elements(Runtime& runtime, const Value& value) {
  return is_true(value) ? runtime.elements(value) : std::vector<Value>();
}

std::string name_of(const Value& value, const Arguments& arguments) {
  if (!value.is_text())
    throw TemplateError(arguments.what() + " needs the name of a filter or test as a string");
  return value.text();
}

Value map_attribute(Runtime& runtime, Arguments& arguments, const Value& value, const Value& attribute) {
  AttributePath path = AttributePath::parse(attribute, arguments.what());
  path.fallback = arguments.take_named("default");
  if (path.fallback && path.fallback->is_none()) path.fallback = std::nullopt;
  arguments.finish();
  std::vector<Value> result;
  for (const Value& element : elements(runtime, value)) result.push_back(path.of(runtime, element));
  return runtime.generator(std::move(result));
}

Value map(Runtime& runtime, Arguments& arguments) {
  const Value value = arguments.required("value");
  std::vector<Value> rest = arguments.rest();
  if (rest.empty())
    if (const auto attribute = arguments.take_named("attribute"))
      return map_attribute(runtime, arguments, value, *attribute);
  if (rest.empty()) throw TemplateError(arguments.what() + " needs the name of a filter, or 'attribute'");
  const Builtin& filter = filter_named(name_of(rest.front(), arguments));
  const auto named = arguments.rest_named();
  std::vector<Value> result;
  for (Value& element : elements(runtime, value)) {
    std::vector<Value> positional = rest;
    positional.front() = std::move(element);
    result.push_back(call_builtin(runtime, filter, "filter", std::move(positional), named));
  }
  return runtime.generator(std::move(result));
}

Value chosen(Runtime& runtime, Arguments& arguments, bool by_attribute, bool wanted) {
  const Value value = arguments.required("value");
  AttributePath path;
  if (by_attribute) path = AttributePath::parse(arguments.required("attribute"), arguments.what());
  std::vector<Value> rest = arguments.rest();
  const auto named = arguments.rest_named();
  const Builtin* test = rest.empty() ? nullptr : &test_named(name_of(rest.front(), arguments));
  std::vector<Value> result;
  for (const Value& element : elements(runtime, value)) {
    Value subject = path.of(runtime, element);
    if (test != nullptr) {
      std::vector<Value> positional = rest;
      positional.front() = std::move(subject);
      subject = call_builtin(runtime, *test, "test", std::move(positional), named);
    }
    if (is_true(subject) == wanted) result.push_back(element);
  }
  return runtime.generator(std::move(result));
}

Value select(Runtime& runtime, Arguments& arguments) { return chosen(runtime, arguments, false, true); }
Value reject(Runtime& runtime, Arguments& arguments) { return chosen(runtime, arguments, false, false); }
Value select_attribute(Runtime& runtime, Arguments& arguments) {
  return chosen(runtime, arguments, true, true);
}
Value reject_attribute(Runtime& runtime, Arguments& arguments) {
  return chosen(runtime, arguments, true, false);
}

}  // namespace

std::span<const Builtin> selecting_filters() {
  static constexpr Builtin kTable[] = {{"map", map},
                                       {"reject", reject},
                                       {"rejectattr", reject_attribute},
                                       {"select", select},
                                       {"selectattr", select_attribute}};
  return kTable;
}

}  // namespace pq::jinja
