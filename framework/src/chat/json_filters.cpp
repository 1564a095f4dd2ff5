// tojson as transformers defines it: json.dumps with ensure_ascii=False, without HTML escapes.
#include "chat/builtin.hpp"
#include "tokenizer/unicode.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace pq::jinja {
namespace {

struct Style {
  bool ensure_ascii = false, sort_keys = false;
  std::optional<std::string> indent;
  std::string between, after_key;
};

class Writer {
 public:
  Writer(Runtime& runtime, const Style& style) : runtime_(runtime), style_(style) {}

  void write(const Value& value) {
    runtime_.step();
    if (out_.size() > runtime_.limits().output_bytes) throw TemplateError("the JSON text is too large");
    if (value.is_text())
      string(value.text());
    else if (const Dict* dict = value.dict())
      object(*dict);
    else if (const Sequence* sequence = value.sequence();
             sequence != nullptr && sequence->kind <= SequenceKind::tuple)
      array(sequence->items);
    else
      out_ += scalar(value);
  }

  std::string take() { return std::move(out_); }

 private:
  static std::string scalar(const Value& value) {
    if (value.is_none()) return "null";
    if (value.is_bool()) return value.integer() != 0 ? "true" : "false";
    if (value.is_integer()) return std::to_string(value.integer());
    if (!value.is_float())
      throw TemplateError("a value of type " + std::string(type_name(value)) + " has no JSON form");
    if (std::isnan(value.number())) return "NaN";
    if (std::isinf(value.number())) return value.number() < 0 ? "-Infinity" : "Infinity";
    return float_text(value.number());
  }

  void string(const std::string& text) {
    out_ += '"';
    for (std::size_t at = 0; at < text.size();) character(next_character(text, at));
    out_ += '"';
  }

  void character(char32_t c) {
    constexpr std::u32string_view kSpecial = U"\"\\\n\r\t\b\f";
    constexpr std::string_view kLetters = "\"\\nrtbf";
    const auto code = static_cast<std::uint32_t>(c);
    if (const std::size_t found = kSpecial.find(c); found != std::u32string_view::npos)
      out_ += {'\\', kLetters[found]};
    else if (code < 0x20 || (style_.ensure_ascii && code >= 0x7F && code < 0x10000))
      out_ += fmt::format("\\u{:04x}", code);
    else if (style_.ensure_ascii && code >= 0x10000)
      out_ += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + ((code - 0x10000) >> 10), 0xDC00 + (code & 0x3FF));
    else
      append_utf8(out_, c);
  }

  void line(std::size_t level) {
    if (!style_.indent) return;
    out_ += '\n';
    for (std::size_t i = 0; i < level; ++i) out_ += *style_.indent;
    runtime_.allocate(level * style_.indent->size());
  }

  void array(const std::vector<Value>& items) {
    if (items.empty()) {
      out_ += "[]";
      return;
    }
    out_ += '[';
    ++level_;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_ += style_.between;
      line(level_);
      write(items[i]);
    }
    line(--level_);
    out_ += ']';
  }

  void object(const Dict& dict) {
    if (dict.items.empty()) {
      out_ += "{}";
      return;
    }
    std::vector<std::pair<Value, Value>> items = dict.items;
    if (style_.sort_keys)
      std::stable_sort(items.begin(), items.end(),
                       [&](const auto& a, const auto& b) { return runtime_.less(a.first, b.first); });
    out_ += '{';
    ++level_;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_ += style_.between;
      line(level_);
      key(items[i].first);
      out_ += style_.after_key;
      write(items[i].second);
    }
    line(--level_);
    out_ += '}';
  }

  void key(const Value& value) {
    if (!value.is_text() && (value.sequence() != nullptr || value.dict() != nullptr))
      throw TemplateError("a value of type " + std::string(type_name(value)) + " cannot be a key in JSON");
    string(value.is_text() ? value.text() : scalar(value));
  }

  Runtime& runtime_;
  const Style& style_;
  std::string out_;
  std::size_t level_ = 0;
};

std::optional<std::string> indent_of(const std::optional<Value>& value, const std::string& what) {
  if (!value || value->is_none()) return std::nullopt;
  if (value->is_text()) return value->text();
  if (!value->is_integer() || value->integer() > 1000)
    throw TemplateError(what + ": 'indent' must be a string or an integer up to 1000");
  return std::string(static_cast<std::size_t>(std::max<std::int64_t>(value->integer(), 0)), ' ');
}

Value to_json(Runtime& runtime, Arguments& arguments) {
  const Value value = arguments.required("x");
  Style style;
  style.ensure_ascii = arguments.flag("ensure_ascii", false);
  style.indent = indent_of(arguments.take("indent"), arguments.what());
  style.between = style.indent ? "," : ", ";
  style.after_key = ": ";
  if (const auto separators = arguments.take("separators"); separators && !separators->is_none()) {
    const std::vector<Value> parts = runtime.elements(*separators);
    if (parts.size() != 2 || !parts[0].is_text() || !parts[1].is_text())
      throw TemplateError(arguments.what() + ": 'separators' must be two strings");
    style.between = parts[0].text();
    style.after_key = parts[1].text();
  }
  style.sort_keys = arguments.flag("sort_keys", false);
  arguments.finish();
  Writer writer(runtime, style);
  writer.write(value);
  return runtime.text(writer.take());
}

}  // namespace

std::span<const Builtin> json_filters() {
  static constexpr Builtin kTable[] = {{"tojson", to_json}};
  return kTable;
}

}  // namespace pq::jinja
