#include "chat/value.hpp"

#include "chat/template_error.hpp"

#include <algorithm>
#include <unordered_map>

namespace pq::jinja {
namespace {

bool equal_items(const std::vector<Value>& a, const std::vector<Value>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Value& x, const Value& y) { return equal(x, y); });
}

// Other keys than texts come from the template itself and are few.
bool equal_dicts(const Dict& a, const Dict& b) {
  if (a.items.size() != b.items.size()) return false;
  std::unordered_map<std::string_view, const Value*> by_text;
  for (const auto& [key, value] : b.items)
    if (key.is_text()) by_text.emplace(key.text(), &value);
  const auto find = [&](const Value& key) -> const Value* {
    if (key.is_text()) {
      const auto found = by_text.find(key.text());
      return found == by_text.end() ? nullptr : found->second;
    }
    for (const auto& [other, value] : b.items)
      if (equal(key, other)) return &value;
    return nullptr;
  };
  return std::all_of(a.items.begin(), a.items.end(), [&](const auto& item) {
    const Value* other = find(item.first);
    return other != nullptr && equal(item.second, *other);
  });
}

// 64 bits of mantissa hold every integer.
long double exact(const Value& value) {
  return value.is_float() ? static_cast<long double>(std::get<double>(value.data()))
                          : static_cast<long double>(value.integer());
}

[[noreturn]] void no_order(const Value& a, const Value& b) {
  for (const Value* value : {&a, &b})
    if (value->is_undefined()) throw TemplateError(*std::get<Undefined>(value->data()).reason);
  throw TemplateError("'" + std::string(type_name(a)) + "' and '" + std::string(type_name(b)) +
                      "' cannot be ordered");
}

}  // namespace

Value::Value() : data_(None()) {}
Value::Value(const Value&) = default;
Value::Value(Value&&) noexcept = default;
Value& Value::operator=(const Value&) = default;
Value& Value::operator=(Value&&) noexcept = default;
Value::~Value() = default;

const Value* Dict::find(std::string_view key) const noexcept {
  for (const auto& [name, value] : items)
    if (name.is_text() && name.text() == key) return &value;
  return nullptr;
}

std::string_view type_name(const Value& value) {
  constexpr std::string_view kSequences[] = {"list",        "tuple",      "range",    "dict_keys",
                                             "dict_values", "dict_items", "generator"};
  constexpr std::string_view kTypes[] = {"Undefined", "NoneType", "bool", "int", "float", "str", "", "dict"};
  if (const Object* object = value.object()) return object->type_name();
  if (const Sequence* sequence = value.sequence()) return kSequences[static_cast<int>(sequence->kind)];
  return kTypes[value.data().index()];
}

bool is_true(const Value& value) {
  struct Visitor {
    bool operator()(const Undefined&) const { return false; }
    bool operator()(None) const { return false; }
    bool operator()(bool x) const { return x; }
    bool operator()(std::int64_t x) const { return x != 0; }
    bool operator()(double x) const { return x != 0; }
    bool operator()(const Text& x) const { return !x->empty(); }
    bool operator()(const SequencePtr& x) const { return x->is_generator() || !x->items.empty(); }
    bool operator()(const DictPtr& x) const { return !x->items.empty(); }
    bool operator()(Object*) const { return true; }
  };
  return std::visit(Visitor{}, value.data());
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return exact(a) == exact(b);
  if (a.data().index() != b.data().index()) return false;
  if (a.is_text()) return a.text() == b.text();
  if (const Dict* dict = a.dict()) return dict == b.dict() || equal_dicts(*dict, *b.dict());
  if (a.object() != nullptr) return a.object() == b.object();
  if (const Sequence* left = a.sequence()) {
    const Sequence* right = b.sequence();
    if (left == right) return true;
    return left->kind == right->kind && !left->is_generator() && equal_items(left->items, right->items);
  }
  return true;  // None, and Undefined as jinja2.Undefined.__eq__ has it
}

bool less(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return exact(a) < exact(b);
  if (a.is_text() && b.is_text()) return a.text() < b.text();  // UTF-8 is ordered as its characters
  const Sequence* left = a.sequence();
  const Sequence* right = b.sequence();
  if (left == nullptr || right == nullptr || left->kind != right->kind || left->kind > SequenceKind::tuple)
    no_order(a, b);
  const std::size_t common = std::min(left->items.size(), right->items.size());
  for (std::size_t i = 0; i < common; ++i)
    if (!equal(left->items[i], right->items[i])) return less(left->items[i], right->items[i]);
  return left->items.size() < right->items.size();
}

std::size_t weight_of(const Value& value) noexcept {
  if (const Sequence* sequence = value.sequence()) return sequence->weight;
  if (const Dict* dict = value.dict()) return dict->weight;
  return value.is_text() ? 1 + value.text().size() / 64 : 1;
}

bool is_hashable(const Value& value) {
  if (value.dict() != nullptr) return false;
  const Sequence* sequence = value.sequence();
  if (sequence == nullptr) return true;
  if (sequence->kind == SequenceKind::tuple)
    return std::all_of(sequence->items.begin(), sequence->items.end(), is_hashable);
  return sequence->kind == SequenceKind::range || sequence->is_generator();
}

}  // namespace pq::jinja
