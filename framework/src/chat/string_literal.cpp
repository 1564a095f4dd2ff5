// Escapes in string literals: Python's.
#include "chat/lexer.hpp"
#include "chat/template_error.hpp"
#include "tokenizer/unicode.hpp"

namespace pq::jinja {
namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

class Unescaper {
 public:
  explicit Unescaper(std::string_view text) : text_(text) {}

  std::string run() {
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '\\' && at_ < text_.size())
        escape(text_[at_++]);
      else
        out_ += c;
    }
    return std::move(out_);
  }

 private:
  void escape(char c) {
    constexpr std::string_view kLetters = "abfnrtv\\'\"\n";
    constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";
    if (const std::size_t found = kLetters.find(c); found != std::string_view::npos) {
      if (c != '\n') out_ += kMeanings[found];
      return;
    }
    if (c == 'x') return put(number(2, 2, 16));
    if (c == 'u') return put(number(4, 4, 16));
    if (c == 'U') return put(number(8, 8, 16));
    if (c == 'N')
      throw TemplateError("the escape \\N{...} in a string is not supported; write the character");
    if (c >= '0' && c <= '7') {
      --at_;
      return put(number(1, 3, 8));
    }
    out_ += {'\\', c};  // unknown escapes stay, as in Python
  }

  std::uint32_t number(int least, int most, int base) {
    std::uint32_t value = 0;
    int count = 0;
    for (; count < most && at_ < text_.size() && digit_of(text_[at_]) < base; ++count)
      value = value * static_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(digit_of(text_[at_++]));
    if (count < least) throw TemplateError("a string has an escape with too few digits");
    return value;
  }

  void put(std::uint32_t code) {
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
      throw TemplateError("a string has an escape that is no character");
    append_utf8(out_, code);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string unescape(std::string_view literal) { return Unescaper(literal).run(); }

}  // namespace pq::jinja
