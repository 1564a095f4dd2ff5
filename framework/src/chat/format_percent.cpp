// "%s and %05.2f" % values, with Python's conversions of strings and numbers.
#include "chat/arithmetic.hpp"
#include "chat/text.hpp"
#include "tokenizer/unicode.hpp"

#include <charconv>
#include <cmath>

namespace pq::jinja {
namespace {

struct Conversion {
  bool left = false, zero = false, plus = false, blank = false, alternate = false;
  std::size_t width = 0;
  int precision = -1;
  char type = 's';
};

constexpr std::size_t kMaxWidth = 10'000;
constexpr int kMaxPrecision = 300;

class Formatter {
 public:
  Formatter(Runtime& runtime, const std::string& text, const Value& values)
      : runtime_(runtime), text_(text), values_(values) {
    is_tuple_ = values.sequence() != nullptr && values.sequence()->kind == SequenceKind::tuple;
  }

  std::string run() {
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c != '%')
        out_ += c;
      else if (at_ < text_.size() && text_[at_] == '%')
        out_ += text_[at_++];
      else
        convert();
    }
    const bool takes_part = is_tuple_
                                ? used_ < values_.sequence()->items.size()
                                : used_ == 0 && values_.dict() == nullptr && values_.sequence() == nullptr;
    if (takes_part) throw TemplateError("'%' formatting: not all values are used");
    return std::move(out_);
  }

 private:
  void convert() {
    std::optional<Value> named;
    if (at_ < text_.size() && text_[at_] == '(') named = member();
    const Conversion conversion = parse();
    put(conversion, named ? *named : next_value());
    runtime_.allocate(conversion.width + 16);
  }

  Value member() {
    const std::size_t end = text_.find(')', at_);
    if (end == std::string::npos || values_.dict() == nullptr)
      throw TemplateError("'%(name)' formatting needs a dict and a closing parenthesis");
    const std::string name = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    const Value* found = values_.dict()->find(name);
    if (found == nullptr) throw TemplateError("'%' formatting: there is no value '" + name + "'");
    return *found;
  }

  std::size_t digits() {
    std::size_t value = 0;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      value = value * 10 + static_cast<std::size_t>(text_[at_++] - '0');
      if (value > kMaxWidth) throw TemplateError("'%' formatting: the width is too large");
    }
    return value;
  }

  Conversion parse() {
    Conversion result;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '-')
        result.left = true;
      else if (c == '0')
        result.zero = true;
      else if (c == '+')
        result.plus = true;
      else if (c == ' ')
        result.blank = true;
      else if (c == '#')
        result.alternate = true;
      else
        break;
    }
    result.width = digits();
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      result.precision = std::min(static_cast<int>(digits()), kMaxPrecision);
    }
    if (at_ >= text_.size()) throw TemplateError("'%' formatting: incomplete format");
    result.type = text_[at_++];
    return result;
  }

  Value next_value() {
    if (!is_tuple_) {
      if (used_++ > 0) throw TemplateError("'%' formatting: not enough values");
      return values_;
    }
    if (used_ >= values_.sequence()->items.size()) throw TemplateError("'%' formatting: not enough values");
    return values_.sequence()->items[used_++];
  }

  void put(const Conversion& conversion, const Value& value) {
    if (conversion.type == 's' || conversion.type == 'r') {
      std::string text =
          conversion.type == 's' ? runtime_.to_text(value) : to_repr(value, runtime_.limits().output_bytes);
      runtime_.allocate(text.size());
      if (conversion.precision >= 0)
        text = characters(text, 0, static_cast<std::size_t>(conversion.precision));
      return pad(conversion, "", text, false);
    }
    if (!value.is_number())
      throw TemplateError("'%" + std::string(1, conversion.type) + "' needs a number, got a value of type " +
                          std::string(type_name(value)));
    number(conversion, value);
  }

  void number(const Conversion& conversion, const Value& value) {
    std::string text = magnitude(conversion, value);
    const bool negative = !text.empty() && text[0] == '-';
    if (negative) text.erase(0, 1);
    pad(conversion,
        negative           ? "-"
        : conversion.plus  ? "+"
        : conversion.blank ? " "
                           : "",
        text, conversion.zero);
  }

  static std::string magnitude(const Conversion& conversion, const Value& value) {
    char buffer[700];
    const std::string type(1, conversion.type);
    if (type == "d" || type == "i" || type == "u") {
      if (!value.is_float()) return std::to_string(value.integer());
      if (!(std::fabs(value.number()) < 9.2e18)) throw TemplateError("'%d': the number is too large");
      return std::to_string(static_cast<std::int64_t>(value.number()));
    }
    if (std::string_view("fFeEgG").find(conversion.type) == std::string_view::npos)
      throw TemplateError("'%" + type + "' formatting is not supported");
    const std::size_t kind = std::string_view("fFeEgG").find(conversion.type) / 2;
    constexpr std::chars_format kFormats[] = {std::chars_format::fixed, std::chars_format::scientific,
                                              std::chars_format::general};
    const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value.number(), kFormats[kind],
                                   conversion.precision < 0 ? 6 : conversion.precision)
                         .ptr;
    const std::string text(buffer, end);
    return conversion.type >= 'a' ? text : upper(text);
  }

  void pad(const Conversion& conversion, const std::string& sign, const std::string& text, bool zeros) {
    const std::size_t used = sign.size() + length(text);
    const std::size_t fill = conversion.width > used ? conversion.width - used : 0;
    if (conversion.left)
      out_ += sign + text + std::string(fill, ' ');
    else if (zeros)
      out_ += sign + std::string(fill, '0') + text;
    else
      out_ += std::string(fill, ' ') + sign + text;
  }

  Runtime& runtime_;
  const std::string& text_;
  const Value& values_;
  bool is_tuple_ = false;
  std::size_t at_ = 0, used_ = 0;
  std::string out_;
};

}  // namespace

Value format_percent(Runtime& runtime, const std::string& text, const Value& values) {
  runtime.allocate(text.size());
  return runtime.text(Formatter(runtime, text, values).run());
}

}  // namespace pq::jinja
