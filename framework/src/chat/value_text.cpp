// str() and repr() of values.
#include "chat/template_error.hpp"
#include "chat/value.hpp"
#include "tokenizer/unicode.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace pq::jinja {
namespace {

class Printer {
 public:
  explicit Printer(std::size_t limit) : limit_(limit) {}

  void repr(const Value& value) {
    if (out_.size() > limit_) throw TemplateError("a value is too large to be printed");
    if (value.is_text())
      append_quoted(out_, value.text());
    else if (const Sequence* sequence = value.sequence())
      items(*sequence);
    else if (const Dict* dict = value.dict())
      members(*dict);
    else
      scalar(value);
  }

  void scalar(const Value& value) {
    if (value.is_undefined())
      out_ += "Undefined";
    else if (value.is_none())
      out_ += "None";
    else if (value.is_bool())
      out_ += value.integer() != 0 ? "True" : "False";
    else if (value.is_float())
      out_ += float_text(value.number());
    else if (value.is_integer())
      out_ += std::to_string(value.integer());
    else
      throw TemplateError("a " + std::string(type_name(value)) + " cannot be printed");
  }

  std::string take() { return std::move(out_); }

 private:
  void items(const Sequence& sequence) {
    if (sequence.kind == SequenceKind::range) {
      out_ += sequence.label;
      return;
    }
    if (sequence.is_generator())
      throw TemplateError("a generator cannot be printed; make it a list with the filter 'list'");
    const bool is_tuple = sequence.kind == SequenceKind::tuple;
    const bool is_view = sequence.kind != SequenceKind::list && !is_tuple;
    if (is_view) out_ += std::string(type_name_of(sequence)) + "(";
    out_ += is_tuple ? "(" : "[";
    for (std::size_t i = 0; i < sequence.items.size(); ++i) {
      if (i > 0) out_ += ", ";
      repr(sequence.items[i]);
    }
    if (is_tuple && sequence.items.size() == 1) out_ += ",";
    out_ += is_tuple ? ")" : "]";
    if (is_view) out_ += ")";
  }

  static std::string_view type_name_of(const Sequence& sequence) {
    return sequence.kind == SequenceKind::dict_keys     ? "dict_keys"
           : sequence.kind == SequenceKind::dict_values ? "dict_values"
                                                        : "dict_items";
  }

  void members(const Dict& dict) {
    out_ += "{";
    for (std::size_t i = 0; i < dict.items.size(); ++i) {
      if (i > 0) out_ += ", ";
      repr(dict.items[i].first);
      out_ += ": ";
      repr(dict.items[i].second);
    }
    out_ += "}";
  }

  std::string out_;
  std::size_t limit_;
};

void append_escaped(std::string& out, char32_t character, char quote) {
  const auto code = static_cast<std::uint32_t>(character);
  if (code == static_cast<unsigned char>(quote) || code == '\\')
    out += {'\\', static_cast<char>(code)};
  else if (code == '\n')
    out += "\\n";
  else if (code == '\r')
    out += "\\r";
  else if (code == '\t')
    out += "\\t";
  else if (is_printable(character))
    append_utf8(out, character);
  else
    out += code < 0x100     ? fmt::format("\\x{:02x}", code)
           : code < 0x10000 ? fmt::format("\\u{:04x}", code)
                            : fmt::format("\\U{:08x}", code);
}

}  // namespace

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value, std::chars_format::scientific).ptr;
  const std::string shortest(digits, end);
  const std::size_t mark = shortest.find('e');
  const int exponent = std::atoi(shortest.c_str() + mark + 1);
  if (exponent < -4 || exponent >= 16) return shortest;
  const auto stop = std::to_chars(digits, digits + sizeof(digits), value, std::chars_format::fixed).ptr;
  std::string text(digits, stop);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

void append_quoted(std::string& out, const std::string& text) {
  const bool has_single = text.find('\'') != std::string::npos;
  const char quote = has_single && text.find('"') == std::string::npos ? '"' : '\'';
  out += quote;
  for (std::size_t at = 0; at < text.size();) append_escaped(out, next_character(text, at), quote);
  out += quote;
}

std::string to_text(const Value& value, std::size_t limit) {
  if (value.is_text()) return value.text();
  if (value.is_undefined()) return {};
  return to_repr(value, limit);
}

std::string to_repr(const Value& value, std::size_t limit) {
  Printer printer(limit);
  printer.repr(value);
  return printer.take();
}

}  // namespace pq::jinja
