// Filters on lists and dicts.
#include "chat/arithmetic.hpp"
#include "chat/attributes.hpp"
#include "chat/builtin.hpp"
#include "chat/sort_key.hpp"
#include "chat/text.hpp"

#include <algorithm>

namespace pq::jinja {
namespace {

Value subject(Arguments& arguments) {
  Value value = arguments.required("value");
  arguments.finish();
  return value;
}

Value length_of(Runtime& runtime, Arguments& arguments) {
  return Value(static_cast<std::int64_t>(size_of(runtime, subject(arguments))));
}

Value as_list(Runtime& runtime, Arguments& arguments) {
  return runtime.list(runtime.elements(subject(arguments)));
}

Value first(Runtime& runtime, Arguments& arguments) {
  const Value value = subject(arguments);
  const Sequence* sequence = value.sequence();
  if (sequence != nullptr && sequence->next < sequence->items.size()) {
    const Value& item = sequence->items[sequence->next];
    if (sequence->is_generator()) ++sequence->next;
    return item;
  }
  if (value.is_text() && !value.text().empty())
    return runtime.text(std::string(characters(value.text(), 0, 1)));
  const std::vector<Value> elements = runtime.elements(value);
  return elements.empty() ? Value::undefined("there is no first item, the sequence is empty")
                          : elements.front();
}

Value last(Runtime& runtime, Arguments& arguments) {
  const Value value = subject(arguments);
  if (value.sequence() != nullptr && value.sequence()->is_generator())
    throw TemplateError("the filter 'last' needs a list, not a generator");
  const std::vector<Value> elements = runtime.elements(value);
  return elements.empty() ? Value::undefined("there is no last item, the sequence is empty")
                          : elements.back();
}

Value reverse(Runtime& runtime, Arguments& arguments) {
  const Value value = subject(arguments);
  std::vector<Value> elements = runtime.elements(value);
  std::reverse(elements.begin(), elements.end());
  const bool is_generator = value.sequence() != nullptr && value.sequence()->is_generator();
  if (!value.is_text())
    return is_generator ? runtime.list(std::move(elements)) : runtime.generator(std::move(elements));
  std::string text;
  for (const Value& character : elements) text += character.text();
  return runtime.text(std::move(text));
}

Value fallback(Runtime&, Arguments& arguments) {
  const Value value = arguments.required("value");
  Value other = arguments.take("default_value").value_or(Value(""));
  const bool boolean = arguments.flag("boolean", false);
  arguments.finish();
  return value.is_undefined() || (boolean && !is_true(value)) ? other : value;
}

Value join(Runtime& runtime, Arguments& arguments) {
  const Value value = arguments.required("value");
  const std::string separator = runtime.to_text(arguments.take("d").value_or(Value("")));
  const auto attribute = arguments.take("attribute");
  arguments.finish();
  const AttributePath path = AttributePath::parse(attribute.value_or(Value()), arguments.what());
  std::string text;
  bool is_first = true;
  for (const Value& element : runtime.elements(value)) {
    const std::size_t before = text.size();
    if (!is_first) text += separator;
    text += runtime.to_text(path.of(runtime, element));
    is_first = false;
    runtime.allocate(text.size() - before);
  }
  return runtime.text(std::move(text));
}

Value items(Runtime& runtime, Arguments& arguments) {
  const Value value = subject(arguments);
  if (value.is_undefined()) return runtime.generator({});
  const Dict* dict = value.dict();
  if (dict == nullptr)
    throw TemplateError(arguments.what() + " needs a dict, got a value of type " +
                        std::string(type_name(value)));
  std::vector<Value> pairs;
  for (const auto& [key, item] : dict->items) pairs.push_back(runtime.tuple({key, item}));
  return runtime.generator(std::move(pairs));
}

Value batch(Runtime& runtime, Arguments& arguments) {
  const Value value = arguments.required("value");
  const std::int64_t count = arguments.integer("linecount", std::nullopt);
  const Value fill = arguments.take("fill_with").value_or(Value());
  arguments.finish();
  if (count < 1) throw TemplateError(arguments.what() + ": 'linecount' must be at least 1");
  const auto width = static_cast<std::size_t>(count);
  std::vector<Value> rows, row;
  for (Value& element : runtime.elements(value)) {
    row.push_back(std::move(element));
    if (row.size() == width) rows.push_back(runtime.list(std::exchange(row, {})));
  }
  if (!row.empty()) {
    if (!fill.is_none()) {
      if (width > kMaxRange) throw TemplateError(arguments.what() + ": 'linecount' is too large");
      row.resize(width, fill);
    }
    rows.push_back(runtime.list(std::move(row)));
  }
  return runtime.generator(std::move(rows));
}

Value slice(Runtime& runtime, Arguments& arguments) {
  const Value value = arguments.required("value");
  const std::int64_t count = arguments.integer("slices", std::nullopt);
  const Value fill = arguments.take("fill_with").value_or(Value());
  arguments.finish();
  if (count < 1 || count > static_cast<std::int64_t>(kMaxRange))
    throw TemplateError(arguments.what() + ": 'slices' must be 1 to " + std::to_string(kMaxRange));
  const std::vector<Value> all = runtime.elements(value);
  const auto slices = static_cast<std::size_t>(count);
  std::vector<Value> columns;
  std::size_t at = 0;
  for (std::size_t i = 0; i < slices; ++i) {
    const bool has_extra = i < all.size() % slices;
    const std::size_t end = at + all.size() / slices + (has_extra ? 1 : 0);
    std::vector<Value> column(all.begin() + static_cast<std::ptrdiff_t>(at),
                              all.begin() + static_cast<std::ptrdiff_t>(end));
    if (!fill.is_none() && !has_extra) column.push_back(fill);
    columns.push_back(runtime.list(std::move(column)));
    at = end;
  }
  return runtime.generator(std::move(columns));
}

Value sum(Runtime& runtime, Arguments& arguments) {
  const Value value = arguments.required("iterable");
  const auto attribute = arguments.take("attribute");
  Value total = arguments.take("start").value_or(Value(0));
  arguments.finish();
  if (total.is_text()) throw TemplateError(arguments.what() + " cannot add strings; use 'join'");
  const AttributePath path = AttributePath::parse(attribute.value_or(Value()), arguments.what());
  for (const Value& element : runtime.elements(value))
    total = binary(runtime, "+", total, path.of(runtime, element));
  return total;
}

}  // namespace

std::size_t size_of(Runtime& runtime, const Value& value) {
  if (value.is_text()) {
    runtime.step(1 + value.text().size() / 64);
    return length(value.text());
  }
  if (const Dict* dict = value.dict()) return dict->items.size();
  const Sequence* sequence = value.sequence();
  if (sequence != nullptr && !sequence->is_generator()) return sequence->items.size();
  if (value.is_undefined()) return 0;
  if (auto* loop = value.object(); loop != nullptr && loop->type_name() == "LoopContext")
    return static_cast<std::size_t>(attribute_of(runtime, value, "length").integer());
  throw TemplateError("a value of type " + std::string(type_name(value)) + " has no length");
}

std::span<const Builtin> sequence_filters() {
  static constexpr Builtin kTable[] = {
      {"batch", batch},
      {"count", length_of},
      {"d", fallback},
      {"default", fallback},
      {"dictsort", sort_dict},
      {"first", first},
      {"items", items},
      {"join", join},
      {"last", last},
      {"length", length_of},
      {"list", as_list},
      {"max", largest},
      {"min", smallest},
      {"reverse", reverse},
      {"slice", slice},
      {"sort", sort},
      {"sum", sum},
      {"unique", unique},
  };
  return kTable;
}

}  // namespace pq::jinja
