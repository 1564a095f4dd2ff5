#include "chat/attributes.hpp"

#include "chat/objects.hpp"
#include "chat/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pq::jinja {
namespace {

// Methods that change their object: jinja2's immutable sandbox makes them undefined.
constexpr std::string_view kChangingDicts[] = {"clear", "pop", "popitem", "setdefault", "update"};
constexpr std::string_view kChangingLists[] = {"append", "clear",  "extend",  "insert",
                                               "pop",    "remove", "reverse", "sort"};
// What Python's types have besides: templates that use it are refused rather than given an item of that name.
constexpr std::string_view kOtherTextMethods[] = {"casefold",     "encode",    "expandtabs", "format_map",
                                                  "isidentifier", "isnumeric", "maketrans",  "translate"};

constexpr std::string_view kMacroAttributes[] = {"arguments", "caller", "catch_kwargs", "catch_varargs",
                                                 "name"};

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const Builtin kLoopMethods[] = {
    {"changed",
     [](Runtime& runtime, Arguments& arguments) {
       return static_cast<Loop*>(arguments.required("loop").object())->changed(runtime, arguments);
     }},
    {"cycle",
     [](Runtime&, Arguments& arguments) {
       return static_cast<Loop*>(arguments.required("loop").object())->cycle(arguments);
     }},
};

std::span<const Builtin> methods_of(const Value& object) {
  if (object.is_text()) return text_methods();
  if (object.dict() != nullptr) return dict_methods();
  if (dynamic_cast<const Loop*>(object.object()) != nullptr) return kLoopMethods;
  const Sequence* sequence = object.sequence();
  const bool is_list = sequence != nullptr && sequence->kind <= SequenceKind::range;
  return is_list ? list_methods() : std::span<const Builtin>();
}

std::string missing_text(const Value& object, const std::string& name) {
  return fmt::format("'{} object' has no attribute '{}'", type_name(object), name);
}

// Python's getattr(), or nothing. What is unsafe or changes its object is undefined, and an error when used.
std::optional<Value> python_attribute(Runtime& runtime, const Value& object, const std::string& name) {
  const bool is_list = object.sequence() != nullptr && object.sequence()->kind == SequenceKind::list;
  if (name.starts_with("__") || (object.dict() != nullptr && contains(kChangingDicts, name)) ||
      (is_list && contains(kChangingLists, name)))
    return Value::undefined("templates may not use '" + name + "' of a " + std::string(type_name(object)));
  if (object.is_text() && contains(kOtherTextMethods, name))
    throw TemplateError("the method '" + name + "' of strings is not supported");
  if (const Builtin* method = find_in(methods_of(object), name))
    return Value(runtime.make<BoundBuiltin>(*method, object));
  if (auto* names = dynamic_cast<Namespace*>(object.object())) {
    const Value* found = names->find(name);
    return found == nullptr ? std::nullopt : std::optional<Value>(*found);
  }
  if (type_name(object) == "Macro" && contains(kMacroAttributes, name))
    throw TemplateError("the attribute '" + name + "' of a macro is not supported");
  auto* loop = dynamic_cast<Loop*>(object.object());
  return loop == nullptr ? std::nullopt : loop->attribute(name);
}

std::optional<Value> item_at(const std::vector<Value>& items, std::int64_t index) {
  const auto size = static_cast<std::int64_t>(items.size());
  if (index < 0) index += size;
  if (index < 0 || index >= size) return std::nullopt;
  return items[static_cast<std::size_t>(index)];
}

std::optional<Value> character_at(Runtime& runtime, const std::string& text, std::int64_t index) {
  runtime.step(1 + text.size() / 64);
  const auto size = static_cast<std::int64_t>(length(text));
  if (index < 0) index += size;
  if (index < 0 || index >= size) return std::nullopt;
  const auto at = static_cast<std::size_t>(index);
  return runtime.text(std::string(characters(text, at, at + 1)));
}

// Python's object[key], or nothing where that raises LookupError or TypeError.
std::optional<Value> python_item(Runtime& runtime, const Value& object, const Value& key) {
  if (object.is_undefined()) throw TemplateError(*std::get<Undefined>(object.data()).reason);
  if (const Dict* dict = object.dict()) {
    runtime.step(1 + dict->items.size() / 16);
    if (key.is_text()) {
      const Value* found = dict->find(key.text());
      return found == nullptr ? std::nullopt : std::optional<Value>(*found);
    }
    for (const auto& [name, value] : dict->items)
      if (runtime.equal(name, key)) return value;
    return std::nullopt;
  }
  if (!key.is_integer()) return std::nullopt;
  if (object.is_text()) return character_at(runtime, object.text(), key.integer());
  const Sequence* sequence = object.sequence();
  if (sequence == nullptr || sequence->kind > SequenceKind::range) return std::nullopt;
  return item_at(sequence->items, key.integer());
}

struct Bounds {
  std::int64_t start, stop, step;
};

std::int64_t slice_index(const Value& value, std::int64_t fallback) {
  if (value.is_none()) return fallback;
  if (!value.is_integer())
    throw TemplateError("the parts of a slice must be integers or none, got a value of type " +
                        std::string(type_name(value)));
  return value.integer();
}

// As PySlice_AdjustIndices.
Bounds bounds_of(std::int64_t size, const Value& start, const Value& stop, const Value& step) {
  Bounds bounds{0, 0, slice_index(step, 1)};
  if (bounds.step == 0) throw TemplateError("the step of a slice must not be 0");
  // One step of this size leaves every sequence.
  bounds.step = std::clamp<std::int64_t>(bounds.step, -(size + 1), size + 1);
  const std::int64_t low = bounds.step < 0 ? -1 : 0;
  const std::int64_t high = bounds.step < 0 ? size - 1 : size;
  const auto clip = [&](const Value& value, std::int64_t fallback) {
    if (value.is_none()) return fallback;
    const std::int64_t index = slice_index(value, 0);
    return std::clamp(index < 0 ? index + size : index, low, high);
  };
  bounds.start = clip(start, bounds.step < 0 ? high : low);
  bounds.stop = clip(stop, bounds.step < 0 ? low : high);
  return bounds;
}

Value slice_text(Runtime& runtime, const Value& object, const Value& start, const Value& stop,
                 const Value& step) {
  const std::string& text = object.text();
  runtime.step(1 + text.size() / 16);
  const Bounds bounds = bounds_of(static_cast<std::int64_t>(length(text)), start, stop, step);
  if (bounds.step == 1)
    return runtime.text_like(
        object, std::string(characters(text, static_cast<std::size_t>(bounds.start),
                                       static_cast<std::size_t>(std::max(bounds.start, bounds.stop)))));
  runtime.allocate(length(text), sizeof(std::string_view));
  const std::vector<std::string_view> all = split_characters(text);
  std::string out;
  for (std::int64_t i = bounds.start; bounds.step > 0 ? i < bounds.stop : i > bounds.stop; i += bounds.step)
    out += all[static_cast<std::size_t>(i)];
  return runtime.text_like(object, std::move(out));
}

}  // namespace

const Builtin* method_of(const Value& object, std::string_view name) {
  return find_in(methods_of(object), name);
}

Value attribute_of(Runtime& runtime, const Value& object, const std::string& name) {
  if (object.is_undefined()) throw TemplateError(*std::get<Undefined>(object.data()).reason);
  if (auto found = python_attribute(runtime, object, name)) return *std::move(found);
  if (object.dict() != nullptr)
    if (auto found = python_item(runtime, object, Value(name))) return *std::move(found);
  return Value::undefined(missing_text(object, name));
}

Value item_of(Runtime& runtime, const Value& object, const Value& key) {
  if (auto found = python_item(runtime, object, key)) return *std::move(found);
  if (key.is_text()) {
    if (auto found = python_attribute(runtime, object, key.text())) return *std::move(found);
    return Value::undefined(missing_text(object, key.text()));
  }
  return Value::undefined("a value of type " + std::string(type_name(object)) + " has no element " +
                          (is_hashable(key) && !key.is_undefined() ? to_repr(key, 1000) : "of this kind"));
}

Value slice_of(Runtime& runtime, const Value& object, const Value& start, const Value& stop,
               const Value& step) {
  if (object.is_undefined()) throw TemplateError(*std::get<Undefined>(object.data()).reason);
  if (object.is_text()) return slice_text(runtime, object, start, stop, step);
  const Sequence* sequence = object.sequence();
  if (sequence == nullptr || sequence->kind > SequenceKind::range)
    return Value::undefined("a value of type " + std::string(type_name(object)) + " cannot be sliced");
  const Bounds bounds = bounds_of(static_cast<std::int64_t>(sequence->items.size()), start, stop, step);
  std::vector<Value> items;
  for (std::int64_t i = bounds.start; bounds.step > 0 ? i < bounds.stop : i > bounds.stop; i += bounds.step)
    items.push_back(sequence->items[static_cast<std::size_t>(i)]);
  runtime.step(items.size());
  return runtime.sequence(sequence->kind == SequenceKind::tuple ? SequenceKind::tuple : SequenceKind::list,
                          std::move(items));
}

AttributePath AttributePath::parse(const Value& path, const std::string& what) {
  AttributePath result;
  if (path.is_integer()) {
    result.parts.push_back(path);
  } else if (path.is_text()) {
    split(path.text(), ".", -1, [&](std::string_view view) {
      const std::string part(view);
      const bool is_index =
          !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string::npos;
      result.parts.push_back(is_index ? Value(std::stoi(part)) : Value(part));
    });
  } else if (!path.is_none()) {
    throw TemplateError(what + ": the attribute must be a string or an integer");
  }
  return result;
}

Value AttributePath::of(Runtime& runtime, Value object) const {
  for (const Value& part : parts) {
    object = item_of(runtime, object, part);
    if (fallback && object.is_undefined()) object = *fallback;
  }
  return object;
}

}  // namespace pq::jinja
