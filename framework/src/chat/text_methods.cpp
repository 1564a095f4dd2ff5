// Methods of strings.
#include "chat/builtin.hpp"
#include "chat/text.hpp"

#include <algorithm>

namespace pq::jinja {
namespace {

std::string self(Runtime& runtime, Arguments& arguments) {
  const Value value = arguments.required("self");
  if (value.is_markup())
    throw TemplateError(arguments.what() + " of a text that is safe or escaped is not supported");
  runtime.step(1 + value.text().size() / 16);
  return value.text();
}

template <std::string (*kChange)(std::string_view)>
Value changed(Runtime& runtime, Arguments& arguments) {
  const std::string text = self(runtime, arguments);
  arguments.finish();
  return runtime.text(kChange(text));
}

template <bool kLeft, bool kRight>
Value stripped(Runtime& runtime, Arguments& arguments) {
  const std::string text = self(runtime, arguments);
  const auto chars = arguments.optional_text("chars");
  arguments.finish();
  if (chars) runtime.step(1 + chars->size() / 16);
  return runtime.text(std::string(strip(text, chars, kLeft, kRight)));
}

template <auto kSplit, bool kFromRight>
Value split_by(Runtime& runtime, Arguments& arguments) {
  const std::string text = self(runtime, arguments);
  const auto separator = arguments.optional_text("sep");
  const std::int64_t limit = arguments.integer("maxsplit", -1);
  arguments.finish();
  std::vector<Value> parts;
  kSplit(text, separator, limit,
         [&](std::string_view part) { parts.push_back(runtime.text(std::string(part))); });
  if (kFromRight) std::reverse(parts.begin(), parts.end());
  return runtime.list(std::move(parts));
}

Value lines(Runtime& runtime, Arguments& arguments) {
  const std::string text = self(runtime, arguments);
  const bool keep_ends = arguments.flag("keepends", false);
  arguments.finish();
  std::vector<Value> parts;
  split_lines(text, keep_ends,
              [&](std::string_view line) { parts.push_back(runtime.text(std::string(line))); });
  return runtime.list(std::move(parts));
}

// text[start:end], and where it begins; nothing if the bounds cross.
struct Part {
  std::string_view text;
  std::int64_t start = 0;
  bool exists = true;
};

Part part_of(std::string_view text, Arguments& arguments) {
  const auto size = static_cast<std::int64_t>(length(text));
  const auto bound = [&](std::int64_t at) { return std::max<std::int64_t>(at < 0 ? at + size : at, 0); };
  const std::int64_t start = bound(arguments.integer("start", 0));
  const std::int64_t end = std::min(bound(arguments.integer("end", size)), size);
  arguments.finish();
  if (start > end) return {"", start, false};
  return {characters(text, static_cast<std::size_t>(start), static_cast<std::size_t>(end)), start};
}

template <bool kAtBegin>
Value starts_or_ends(Runtime& runtime, Arguments& arguments) {
  const std::string text = self(runtime, arguments);
  const Value wanted = arguments.required(kAtBegin ? "prefix" : "suffix");
  const Part part = part_of(text, arguments);
  const Sequence* tuple = wanted.sequence();
  if (!wanted.is_text() && (tuple == nullptr || tuple->kind != SequenceKind::tuple))
    throw TemplateError(arguments.what() + " needs a string or a tuple of strings");
  const auto fits = [&](const Value& value) {
    if (!value.is_text()) throw TemplateError(arguments.what() + " needs a string or a tuple of strings");
    return part.exists &&
           (kAtBegin ? part.text.starts_with(value.text()) : part.text.ends_with(value.text()));
  };
  return Value(wanted.is_text() ? fits(wanted) : std::any_of(tuple->items.begin(), tuple->items.end(), fits));
}

enum class Absent { minus_one, error };

template <bool kFromRight, Absent kAbsent>
Value find(Runtime& runtime, Arguments& arguments) {
  const std::string text = self(runtime, arguments);
  const std::string wanted = arguments.text("sub");
  runtime.step(1 + wanted.size() / 16);
  const Part part = part_of(text, arguments);
  const std::size_t found = kFromRight ? find_last(part.text, wanted) : find_first(part.text, wanted);
  if (part.exists && found != std::string_view::npos)
    return Value(part.start + static_cast<std::int64_t>(length(part.text.substr(0, found))));
  if (kAbsent == Absent::error) throw TemplateError(arguments.what() + ": the text is not found");
  return Value(-1);
}

Value count(Runtime& runtime, Arguments& arguments) {
  const std::string text = self(runtime, arguments);
  const std::string wanted = arguments.text("sub");
  const Part part = part_of(text, arguments);
  if (!part.exists) return Value(0);
  if (wanted.empty()) return Value(static_cast<std::int64_t>(length(part.text)) + 1);
  std::int64_t result = 0;
  for (std::size_t at = find_first(part.text, wanted); at != std::string_view::npos;
       at = find_first(part.text, wanted, at + wanted.size()))
    ++result;
  return Value(result);
}

Value replaced(Runtime& runtime, Arguments& arguments) {
  const std::string text = self(runtime, arguments);
  const std::string old = arguments.text("old");
  const std::string with = arguments.text("new");
  const std::int64_t count = arguments.integer("count", -1);
  arguments.finish();
  return runtime.text(replace(text, old, with, count, runtime.limits().output_bytes));
}

Value joined(Runtime& runtime, Arguments& arguments) {
  const std::string separator = self(runtime, arguments);
  const std::vector<Value> parts = runtime.elements(arguments.required("iterable"));
  arguments.finish();
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].is_text())
      throw TemplateError(arguments.what() + " needs strings, got a value of type " +
                          std::string(type_name(parts[i])));
    if (i > 0) text += separator;
    text += parts[i].text();
    runtime.allocate(separator.size() + parts[i].text().size());
  }
  return runtime.text(std::move(text));
}

Value format_field(const std::string& field, const std::vector<Value>& values,
                   const std::vector<std::pair<std::string, Value>>& named, std::size_t& automatic) {
  for (const auto& [name, value] : named)
    if (name == field) return value;
  const bool is_number = field.size() < 6 && field.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number) throw TemplateError("format: the field '{" + field + "}' is not supported or has no value");
  const std::size_t index = field.empty() ? automatic++ : std::stoul(field);
  if (index >= values.size())
    throw TemplateError("format: there is no value for the field '{" + field + "}'");
  return values[index];
}

// "{} {0} {name}", without conversions and format specifications.
Value format(Runtime& runtime, Arguments& arguments) {
  const std::string text = self(runtime, arguments);
  const std::vector<Value> values = arguments.rest();
  const auto named = arguments.rest_named();
  std::string out;
  std::size_t automatic = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool is_doubled = at + 1 < text.size() && text[at + 1] == text[at];
    if ((text[at] == '{' || text[at] == '}') && is_doubled) {
      out += text[at++];
      continue;
    }
    if (text[at] == '}') throw TemplateError(arguments.what() + ": a '}' stands alone");
    if (text[at] != '{') {
      out += text[at];
      continue;
    }
    const std::size_t end = text.find('}', at);
    if (end == std::string::npos) throw TemplateError(arguments.what() + ": a '{' has no '}'");
    const Value value = format_field(text.substr(at + 1, end - at - 1), values, named, automatic);
    const std::size_t before = out.size();
    out += runtime.to_text(value);
    runtime.allocate(out.size() - before);
    at = end;
  }
  return runtime.text(std::move(out));
}

template <bool kPrefix>
Value without(Runtime& runtime, Arguments& arguments) {
  const std::string text = self(runtime, arguments);
  const std::string part = arguments.text(kPrefix ? "prefix" : "suffix");
  arguments.finish();
  const std::string_view view = text;
  if (kPrefix) return runtime.text(std::string(view.starts_with(part) ? view.substr(part.size()) : view));
  return runtime.text(std::string(view.ends_with(part) ? view.substr(0, view.size() - part.size()) : view));
}

template <bool kFromRight>
Value partition(Runtime& runtime, Arguments& arguments) {
  const std::string text = self(runtime, arguments);
  const std::string separator = arguments.text("sep");
  arguments.finish();
  runtime.step(1 + separator.size() / 16);
  if (separator.empty()) throw TemplateError(arguments.what() + ": the separator is empty");
  const std::size_t found = kFromRight ? find_last(text, separator) : find_first(text, separator);
  if (found == std::string::npos)
    return runtime.tuple(kFromRight ? std::vector<Value>{"", "", text} : std::vector<Value>{text, "", ""});
  return runtime.tuple({text.substr(0, found), separator, text.substr(found + separator.size())});
}

// ljust, rjust and zfill.
template <char kSide>
Value filled(Runtime& runtime, Arguments& arguments) {
  const std::string text = self(runtime, arguments);
  const std::int64_t width = arguments.integer("width", std::nullopt);
  const std::string fill = kSide == 'z' ? "0" : arguments.optional_text("fillchar").value_or(" ");
  arguments.finish();
  if (length(fill) != 1) throw TemplateError(arguments.what() + ": 'fillchar' must be one character");
  const auto size = static_cast<std::int64_t>(length(text));
  if (width > size) runtime.allocate(static_cast<std::size_t>(width - size), fill.size());
  std::string space;
  for (std::int64_t i = size; i < width; ++i) space += fill;
  if (kSide == 'l') return runtime.text(text + space);
  const bool has_sign = kSide == 'z' && (text.starts_with('-') || text.starts_with('+'));
  return runtime.text(has_sign ? text[0] + space + text.substr(1) : space + text);
}

template <bool (*kHolds)(std::string_view)>
Value check(Runtime& runtime, Arguments& arguments) {
  const std::string text = self(runtime, arguments);
  arguments.finish();
  return Value(kHolds(text));
}

}  // namespace

std::span<const Builtin> text_methods() {
  static constexpr Builtin kTable[] = {
      {"capitalize", changed<capitalize>},
      {"count", count},
      {"endswith", starts_or_ends<false>},
      {"find", find<false, Absent::minus_one>},
      {"format", format},
      {"index", find<false, Absent::error>},
      {"isalnum", check<all_alnum>},
      {"isalpha", check<all_alpha>},
      {"isascii", check<all_ascii>},
      {"isdecimal", check<all_decimal>},
      {"isdigit", check<all_digits>},
      {"islower", check<is_lower_case>},
      {"isprintable", check<all_printable>},
      {"isspace", check<all_space>},
      {"istitle", check<is_title_case>},
      {"isupper", check<is_upper_case>},
      {"join", joined},
      {"ljust", filled<'l'>},
      {"lower", changed<lower>},
      {"lstrip", stripped<true, false>},
      {"partition", partition<false>},
      {"removeprefix", without<true>},
      {"removesuffix", without<false>},
      {"replace", replaced},
      {"rfind", find<true, Absent::minus_one>},
      {"rindex", find<true, Absent::error>},
      {"rjust", filled<'r'>},
      {"rpartition", partition<true>},
      {"rsplit", split_by<split_from_right, true>},
      {"rstrip", stripped<false, true>},
      {"split", split_by<split, false>},
      {"splitlines", lines},
      {"startswith", starts_or_ends<true>},
      {"strip", stripped<true, true>},
      {"swapcase", changed<swap_case>},
      {"title", changed<title>},
      {"upper", changed<upper>},
      {"zfill", filled<'z'>},
  };
  return kTable;
}

}  // namespace pq::jinja
