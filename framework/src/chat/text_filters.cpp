// Filters on texts. Most take any value, as it prints.
#include "chat/arithmetic.hpp"
#include "chat/builtin.hpp"
#include "chat/text.hpp"

namespace pq::jinja {
namespace {

std::string subject(Runtime& runtime, Arguments& arguments) {
  return runtime.to_text(arguments.required("value"));
}

// A filter without arguments.
template <std::string (*kChange)(std::string_view)>
Value changed(Runtime& runtime, Arguments& arguments) {
  const std::string text = subject(runtime, arguments);
  arguments.finish();
  runtime.step(1 + text.size() / 16);
  return runtime.text(kChange(text));
}

// Filters that leave markup what it is.
template <std::string (*kChange)(std::string_view)>
Value changed_alike(Runtime& runtime, Arguments& arguments) {
  const Value value = arguments.required("value");
  arguments.finish();
  const std::string text = runtime.to_text(value);
  runtime.step(1 + text.size() / 16);
  return runtime.text_like(value, kChange(text));
}

std::string unchanged(std::string_view text) { return std::string(text); }

Value escape(Runtime& runtime, Arguments& arguments) {
  const Value value = arguments.required("value");
  arguments.finish();
  if (value.is_markup()) return value;
  const std::string text = runtime.to_text(value);
  runtime.allocate(6 * text.size());
  return Value::markup(escape_html(text));
}

Value safe(Runtime& runtime, Arguments& arguments) {
  const std::string text = subject(runtime, arguments);
  arguments.finish();
  return Value::markup(text);
}

Value force_escape(Runtime& runtime, Arguments& arguments) {
  const std::string text = subject(runtime, arguments);
  arguments.finish();
  runtime.allocate(6 * text.size());
  return Value::markup(escape_html(text));
}

// Filters that would have to escape parts of their result.
Value plain(Arguments& arguments) {
  const Value value = arguments.required("value");
  if (value.is_markup())
    throw TemplateError(arguments.what() + " of a text that is safe or escaped is not supported");
  if (!value.is_text())
    throw TemplateError(arguments.what() + " needs a string, got a value of type " +
                        std::string(type_name(value)));
  return value;
}

std::string unmarked(Runtime& runtime, Arguments& arguments) {
  const Value value = arguments.required("value");
  if (value.is_markup())
    throw TemplateError(arguments.what() + " of a text that is safe or escaped is not supported");
  return runtime.to_text(value);
}

Value center(Runtime& runtime, Arguments& arguments) {
  const std::string text = unmarked(runtime, arguments);
  const std::int64_t width = arguments.integer("width", 80);
  arguments.finish();
  const auto size = static_cast<std::int64_t>(length(text));
  if (width <= size) return runtime.text(text);
  const auto fill = static_cast<std::size_t>(width - size);
  runtime.allocate(fill);
  // As str.center(): of an odd rest, the left side gets more if the width is odd.
  const std::size_t left = fill / 2 + (fill & static_cast<std::size_t>(width) & 1);
  return runtime.text(std::string(left, ' ') + text + std::string(fill - left, ' '));
}

Value format(Runtime& runtime, Arguments& arguments) {
  const std::string text = unmarked(runtime, arguments);
  std::vector<Value> values = arguments.rest();
  std::vector<std::pair<Value, Value>> named;
  for (auto& [name, value] : arguments.rest_named()) named.emplace_back(Value(name), std::move(value));
  if (!values.empty() && !named.empty())
    throw TemplateError(arguments.what() + " takes values by position or by name, not both");
  return format_percent(runtime, text,
                        named.empty() ? runtime.tuple(std::move(values)) : runtime.dict(std::move(named)));
}

Value indent(Runtime& runtime, Arguments& arguments) {
  const std::string text = plain(arguments).text();
  const Value width = arguments.take("width").value_or(Value(4));
  const bool first = arguments.flag("first", false);
  const bool blank = arguments.flag("blank", false);
  arguments.finish();
  if (!width.is_text() && (!width.is_integer() || width.integer() > 1000))
    throw TemplateError(arguments.what() + ": 'width' must be a string or an integer up to 1000");
  const std::string space =
      width.is_text()
          ? width.text()
          : std::string(static_cast<std::size_t>(std::max<std::int64_t>(width.integer(), 0)), ' ');
  std::string out;
  bool is_first = true;
  split_lines(text + "\n", false, [&](std::string_view line) {
    if (!is_first) out += "\n";
    if (is_first ? first : blank || !line.empty()) out += space;
    out += line;
    is_first = false;
    if (out.size() > runtime.limits().output_bytes)
      throw TemplateError(arguments.what() + ": the text becomes too large");
  });
  return runtime.text(std::move(out));
}

Value replace_filter(Runtime& runtime, Arguments& arguments) {
  const std::string text = subject(runtime, arguments);
  const std::string old = runtime.to_text(arguments.required("old"));
  const std::string with = runtime.to_text(arguments.required("new"));
  const std::int64_t count = arguments.integer("count", -1);
  arguments.finish();
  runtime.step(1 + text.size() / 16);
  return runtime.text(replace(text, old, with, count, runtime.limits().output_bytes));
}

Value trim(Runtime& runtime, Arguments& arguments) {
  const Value value = arguments.required("value");
  const std::string text = runtime.to_text(value);
  const auto chars = arguments.optional_text("chars");
  arguments.finish();
  runtime.step(1 + (text.size() + (chars ? chars->size() : 0)) / 16);
  return runtime.text_like(value, std::string(strip(text, chars, true, true)));
}

Value truncate(Runtime& runtime, Arguments& arguments) {
  const std::string text = plain(arguments).text();
  const std::int64_t limit = arguments.integer("length", 255);
  const bool kill_words = arguments.flag("killwords", false);
  const std::string end = arguments.optional_text("end").value_or("...");
  const std::int64_t leeway = arguments.integer("leeway", 5);
  arguments.finish();
  const auto mark = static_cast<std::int64_t>(length(end));
  if (limit < mark || leeway < 0)
    throw TemplateError(arguments.what() + ": 'length' or 'leeway' is too small");
  if (static_cast<std::int64_t>(length(text)) - leeway <= limit) return runtime.text(text);
  std::string cut(characters(text, 0, static_cast<std::size_t>(limit - mark)));
  if (!kill_words) cut = cut.substr(0, find_last(cut, " "));
  return runtime.text(cut + end);
}

}  // namespace

std::span<const Builtin> text_filters() {
  static constexpr Builtin kTable[] = {
      {"capitalize", changed_alike<capitalize>},
      {"center", center},
      {"e", escape},
      {"escape", escape},
      {"forceescape", force_escape},
      {"format", format},
      {"indent", indent},
      {"lower", changed_alike<lower>},
      {"replace", replace_filter},
      {"safe", safe},
      {"string", changed_alike<unchanged>},
      {"title", changed<title_words>},
      {"trim", trim},
      {"truncate", truncate},
      {"upper", changed_alike<upper>},
  };
  return kTable;
}

}  // namespace pq::jinja
