#include "chat/runtime.hpp"

#include "tokenizer/unicode.hpp"

#include <algorithm>
#include <cstdint>

namespace pq::jinja {
namespace {

constexpr std::size_t kMaxWeight = 20'000'000;

int depth_of(const Value& value) {
  if (const Sequence* sequence = value.sequence()) return sequence->depth;
  const Dict* dict = value.dict();
  return dict == nullptr ? 0 : dict->depth;
}

// Depth and weight of a container from its values.
template <class Container>
void include(Container& container, const Value& value) {
  container.depth = std::max(container.depth, depth_of(value) + 1);
  container.weight += weight_of(value);
  if (container.depth > kMaxValueDepth)
    throw TemplateError("values are nested more than " + std::to_string(kMaxValueDepth) + " levels deep");
  if (container.weight > kMaxWeight) throw TemplateError("a list or a dict is too large");
}

}  // namespace

void Runtime::step(std::size_t count) {
  if (count > limits_.steps - steps_)
    throw TemplateError("the template runs for more than " + std::to_string(limits_.steps) + " steps");
  steps_ += count;
}

void Runtime::allocate(std::size_t bytes) {
  if (bytes > limits_.value_bytes - bytes_)
    throw TemplateError("the template's values need more than " + std::to_string(limits_.value_bytes) +
                        " bytes");
  bytes_ += bytes;
}

void Runtime::allocate(std::size_t count, std::size_t bytes_each) {
  const bool overflows = bytes_each != 0 && count > SIZE_MAX / bytes_each;
  allocate(overflows ? SIZE_MAX : count * bytes_each);
}

void Runtime::enter() {
  if (++depth_ <= limits_.depth) return;
  --depth_;
  throw TemplateError("expressions and calls are nested more than " + std::to_string(limits_.depth) +
                      " levels deep");
}

Value Runtime::text(std::string text) {
  allocate(text.size() + sizeof(Value));
  return Value(std::move(text));
}

Value Runtime::text_like(const Value& like, std::string text) {
  allocate(text.size() + sizeof(Value));
  return like.is_markup() ? Value::markup(std::move(text)) : Value(std::move(text));
}

Value Runtime::sequence(SequenceKind kind, std::vector<Value> items, std::string label) {
  allocate((items.size() + 2) * sizeof(Value));
  auto result = std::make_shared<Sequence>();
  for (const Value& item : items) include(*result, item);
  result->kind = kind;
  result->items = std::move(items);
  result->label = std::move(label);
  return Value(Value::Data(SequencePtr(std::move(result))));
}

Value Runtime::dict(std::vector<std::pair<Value, Value>> items) {
  allocate((2 * items.size() + 2) * sizeof(Value));
  auto result = std::make_shared<Dict>();
  for (const auto& [key, value] : items) {
    include(*result, key);
    include(*result, value);
  }
  result->items = std::move(items);
  return Value(Value::Data(DictPtr(std::move(result))));
}

std::vector<Value> Runtime::elements(const Value& value) {
  std::vector<Value> result;
  if (const Sequence* sequence = value.sequence()) {
    const auto first = sequence->items.begin() + static_cast<std::ptrdiff_t>(sequence->next);
    result.assign(first, sequence->items.end());
    if (sequence->is_generator()) sequence->next = sequence->items.size();
  } else if (const Dict* dict = value.dict()) {
    for (const auto& [key, item] : dict->items) result.push_back(key);
  } else if (value.is_text()) {
    const std::string& text = value.text();
    allocate(text.size() * (sizeof(Value) + sizeof(std::string)));
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t bytes = character_bytes(text[at]);
      result.emplace_back(text.substr(at, bytes));
      at += bytes;
    }
  } else if (!value.is_undefined()) {
    throw TemplateError("a value of type " + std::string(type_name(value)) +
                        " has no elements to go through");
  }
  step(result.size());
  allocate(result.size() * sizeof(Value));
  return result;
}

bool Runtime::equal(const Value& a, const Value& b) {
  step(1 + std::min(weight_of(a), weight_of(b)));
  return jinja::equal(a, b);
}

bool Runtime::less(const Value& a, const Value& b) {
  step(1 + std::min(weight_of(a), weight_of(b)));
  return jinja::less(a, b);
}

}  // namespace pq::jinja
