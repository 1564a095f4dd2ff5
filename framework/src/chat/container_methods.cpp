// Methods of lists, tuples and dicts. Those that change their object do not exist for templates.
#include "chat/builtin.hpp"

namespace pq::jinja {
namespace {

Value dict_get(Runtime& runtime, Arguments& arguments) {
  const Value self = arguments.required("self");
  const Value key = arguments.required("key");
  Value fallback = arguments.take("default").value_or(Value());
  arguments.finish();
  if (!is_hashable(key))
    throw TemplateError("a value of type " + std::string(type_name(key)) + " cannot be a key of a dict");
  runtime.step(1 + self.dict()->items.size() / 16);
  if (key.is_text()) {
    const Value* found = self.dict()->find(key.text());
    return found == nullptr ? fallback : *found;
  }
  for (const auto& [name, value] : self.dict()->items)
    if (runtime.equal(name, key)) return value;
  return fallback;
}

Value dict_items(Runtime& runtime, Arguments& arguments) {
  const Value self = arguments.required("self");
  arguments.finish();
  std::vector<Value> items;
  for (const auto& [key, value] : self.dict()->items) items.push_back(runtime.tuple({key, value}));
  return runtime.sequence(SequenceKind::dict_items, std::move(items));
}

Value dict_keys(Runtime& runtime, Arguments& arguments) {
  const Value self = arguments.required("self");
  arguments.finish();
  std::vector<Value> items;
  for (const auto& [key, value] : self.dict()->items) items.push_back(key);
  return runtime.sequence(SequenceKind::dict_keys, std::move(items));
}

Value dict_values(Runtime& runtime, Arguments& arguments) {
  const Value self = arguments.required("self");
  arguments.finish();
  std::vector<Value> items;
  for (const auto& [key, value] : self.dict()->items) items.push_back(value);
  return runtime.sequence(SequenceKind::dict_values, std::move(items));
}

// Nothing changes its object, so a copy is the object.
Value copy(Runtime&, Arguments& arguments) {
  Value self = arguments.required("self");
  arguments.finish();
  return self;
}

Value list_count(Runtime& runtime, Arguments& arguments) {
  const Value self = arguments.required("self");
  const Value wanted = arguments.required("value");
  arguments.finish();
  std::int64_t result = 0;
  for (const Value& item : self.sequence()->items) result += runtime.equal(item, wanted) ? 1 : 0;
  return Value(result);
}

Value list_index(Runtime& runtime, Arguments& arguments) {
  const Value self = arguments.required("self");
  const Value wanted = arguments.required("value");
  arguments.finish();
  const std::vector<Value>& items = self.sequence()->items;
  for (std::size_t i = 0; i < items.size(); ++i)
    if (runtime.equal(items[i], wanted)) return Value(static_cast<std::int64_t>(i));
  throw TemplateError(arguments.what() + ": the value is not in the list");
}

}  // namespace

std::span<const Builtin> dict_methods() {
  static constexpr Builtin kTable[] = {
      {"copy", copy}, {"get", dict_get}, {"items", dict_items}, {"keys", dict_keys}, {"values", dict_values}};
  return kTable;
}

std::span<const Builtin> list_methods() {
  static constexpr Builtin kTable[] = {{"copy", copy}, {"count", list_count}, {"index", list_index}};
  return kTable;
}

}  // namespace pq::jinja
