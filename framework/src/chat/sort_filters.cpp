// sort, dictsort, unique, min and max.
#include "chat/attributes.hpp"
#include "chat/sort_key.hpp"
#include "chat/text.hpp"

#include <algorithm>

namespace pq::jinja {
namespace {

// What an element is compared by: attributes of it, texts in lower case unless case matters.
class Key {
 public:
  Key(const std::vector<Value>& attributes, bool case_sensitive, const std::string& what)
      : case_sensitive_(case_sensitive) {
    for (const Value& attribute : attributes) paths_.push_back(AttributePath::parse(attribute, what));
  }

  std::vector<Value> of(Runtime& runtime, const Value& element) const {
    std::vector<Value> key;
    for (const AttributePath& path : paths_) key.push_back(folded(runtime, path.of(runtime, element)));
    return key;
  }

 private:
  Value folded(Runtime& runtime, Value value) const {
    return case_sensitive_ || !value.is_text() ? value : runtime.text(lower(value.text()));
  }

  std::vector<AttributePath> paths_;
  bool case_sensitive_;
};

// "a,b" sorts by two attributes.
std::vector<Value> several(const std::optional<Value>& attribute) {
  if (!attribute) return {Value()};
  if (!attribute->is_text()) return {*attribute};
  std::vector<Value> result;
  split(attribute->text(), ",", -1, [&](std::string_view part) { result.emplace_back(std::string(part)); });
  return result;
}

struct Keyed {
  std::vector<Value> key;
  Value value;
};

bool less_key(Runtime& runtime, const std::vector<Value>& a, const std::vector<Value>& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!runtime.equal(a[i], b[i])) return runtime.less(a[i], b[i]);
  return false;
}

// Stable in both directions, as Python's sorted().
std::vector<Value> sorted(Runtime& runtime, std::vector<Keyed> items, bool reverse) {
  std::stable_sort(items.begin(), items.end(), [&](const Keyed& a, const Keyed& b) {
    return reverse ? less_key(runtime, b.key, a.key) : less_key(runtime, a.key, b.key);
  });
  std::vector<Value> result;
  for (Keyed& item : items) result.push_back(std::move(item.value));
  return result;
}

Value extreme(Runtime& runtime, Arguments& arguments, bool largest) {
  const Value value = arguments.required("value");
  const bool case_sensitive = arguments.flag("case_sensitive", false);
  const Key key({arguments.take("attribute").value_or(Value())}, case_sensitive, arguments.what());
  arguments.finish();
  const std::vector<Value> elements = runtime.elements(value);
  if (elements.empty()) return Value::undefined("there is no item to choose, the sequence is empty");
  Keyed best{key.of(runtime, elements[0]), elements[0]};
  for (std::size_t i = 1; i < elements.size(); ++i) {
    std::vector<Value> next = key.of(runtime, elements[i]);
    const Value& low = largest ? best.key[0] : next[0];
    const Value& high = largest ? next[0] : best.key[0];
    if (runtime.less(low, high)) best = {std::move(next), elements[i]};
  }
  return best.value;
}

}  // namespace

Value sort(Runtime& runtime, Arguments& arguments) {
  const Value value = arguments.required("value");
  const bool reverse = arguments.flag("reverse", false);
  const bool case_sensitive = arguments.flag("case_sensitive", false);
  const Key key(several(arguments.take("attribute")), case_sensitive, arguments.what());
  arguments.finish();
  std::vector<Keyed> items;
  for (const Value& element : runtime.elements(value)) items.push_back({key.of(runtime, element), element});
  return runtime.list(sorted(runtime, std::move(items), reverse));
}

Value sort_dict(Runtime& runtime, Arguments& arguments) {
  const Value value = arguments.required("value");
  const bool case_sensitive = arguments.flag("case_sensitive", false);
  const std::string by = arguments.optional_text("by").value_or("key");
  const bool reverse = arguments.flag("reverse", false);
  arguments.finish();
  if (by != "key" && by != "value") throw TemplateError(arguments.what() + ": 'by' must be key or value");
  const Dict* dict = value.dict();
  if (dict == nullptr)
    throw TemplateError(arguments.what() + " needs a dict, got a value of type " +
                        std::string(type_name(value)));
  const Key key({Value(by == "key" ? 0 : 1)}, case_sensitive, arguments.what());
  std::vector<Keyed> items;
  for (const auto& [name, item] : dict->items) {
    Value pair = runtime.tuple({name, item});
    items.push_back({key.of(runtime, pair), pair});
  }
  return runtime.list(sorted(runtime, std::move(items), reverse));
}

Value unique(Runtime& runtime, Arguments& arguments) {
  const Value value = arguments.required("value");
  const bool case_sensitive = arguments.flag("case_sensitive", false);
  const Key key({arguments.take("attribute").value_or(Value())}, case_sensitive, arguments.what());
  arguments.finish();
  std::vector<Value> seen, result;
  for (const Value& element : runtime.elements(value)) {
    Value own = std::move(key.of(runtime, element)[0]);
    if (!is_hashable(own))
      throw TemplateError(arguments.what() + " cannot compare values of type " + std::string(type_name(own)));
    const auto same = [&](const Value& other) { return runtime.equal(other, own); };
    if (std::any_of(seen.begin(), seen.end(), same)) continue;
    seen.push_back(std::move(own));
    result.push_back(element);
  }
  return runtime.generator(std::move(result));
}

Value smallest(Runtime& runtime, Arguments& arguments) { return extreme(runtime, arguments, false); }
Value largest(Runtime& runtime, Arguments& arguments) { return extreme(runtime, arguments, true); }

}  // namespace pq::jinja
