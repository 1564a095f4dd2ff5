#include "chat/lexer.hpp"

#include "chat/template_error.hpp"
#include "chat/text.hpp"
#include "tokenizer/unicode.hpp"

#include <algorithm>
#include <optional>

namespace pq::jinja {
namespace {

// Longer ones first.
constexpr std::string_view kOperators[] = {"**", "//", "==", "!=", ">=", "<=", "+", "-", "/",
                                           "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                           ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};

// As jinja2's lexer: every line end becomes "\n", and one at the very end goes.
std::string with_plain_line_ends(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n') ++i;
    text += source[i] == '\r' ? '\n' : source[i];
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : text_(with_plain_line_ends(source)) {}

  std::vector<Token> run() {
    while (at_ < text_.size()) outside();
    add(TokenKind::end, "");
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return std::string_view(text_).substr(at_); }
  char peek(std::size_t offset = 0) const { return at_ + offset < text_.size() ? text_[at_ + offset] : '\0'; }
  bool sees(std::string_view word) const { return rest().starts_with(word); }

  void skip(std::size_t bytes) {
    line_ +=
        static_cast<std::size_t>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                                            text_.begin() + static_cast<std::ptrdiff_t>(at_ + bytes), '\n'));
    at_ += bytes;
    if (bytes > 0) at_line_start_ = text_[at_ - 1] == '\n';
  }
  void skip_space() { skip(leading_space(rest())); }

  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }
  void add_text(std::string_view text) {
    if (!text.empty()) add(TokenKind::text, std::string(text));
  }

  // Text up to the next tag, then the tag.
  void outside() {
    std::size_t begin = at_;
    for (; begin < text_.size(); ++begin)
      if (text_[begin] == '{' && begin + 1 < text_.size() &&
          (text_[begin + 1] == '%' || text_[begin + 1] == '#' || text_[begin + 1] == '{'))
        break;
    const std::string_view text = std::string_view(text_).substr(at_, begin - at_);
    const char kind = begin < text_.size() ? text_[begin + 1] : '\0';
    const char sign = begin + 2 < text_.size() ? text_[begin + 2] : '\0';
    add_text(kind == '\0' ? text : trimmed_before_tag(text, sign, kind));
    skip(begin - at_);
    if (kind == '\0') return;
    skip(2);
    if (sign == '-' || sign == '+') skip(1);
    if (kind == '#')
      comment();
    else if (kind == '%' && raw_begins())
      raw();
    else
      tag(kind == '%');
  }

  // "-" strips all space before the tag; else a block's tag, or a comment's, strips the blanks before it on its own line.
  std::string_view trimmed_before_tag(std::string_view text, char sign, char kind) const {
    if (sign == '-') return text.substr(0, text.size() - trailing_space(text));
    if (sign == '+' || kind == '{') return text;
    const std::size_t line = text.rfind('\n') + 1;
    if (line == 0 && !at_line_start_) return text;
    return leading_space(text.substr(line)) == text.size() - line ? text.substr(0, line) : text;
  }

  // After a closing delimiter: "-" strips all space, otherwise a block or a comment takes the line end along.
  bool close(std::string_view delimiter, bool takes_line_end) {
    const bool strips = peek() == '-' && rest().substr(1).starts_with(delimiter);
    const bool keeps = takes_line_end && peek() == '+' && rest().substr(1).starts_with(delimiter);
    if (!strips && !keeps && !sees(delimiter)) return false;
    skip(delimiter.size() + (strips || keeps ? 1 : 0));
    if (strips)
      skip_space();
    else if (takes_line_end && !keeps && peek() == '\n')
      skip(1);
    return true;
  }

  void comment() {
    const std::size_t line = line_;
    while (!close("#}", true)) {
      if (at_ >= text_.size()) throw TemplateError("a comment has no end '#}'", line);
      skip(1);
    }
  }

  bool raw_begins() const {
    std::string_view text = rest();
    text.remove_prefix(leading_space(text));
    if (!text.starts_with("raw")) return false;
    text.remove_prefix(3);
    text.remove_prefix(leading_space(text));
    return text.starts_with("%}") || text.starts_with("-%}");
  }

  void raw() {
    const std::size_t line = line_;
    skip_space();
    skip(3);
    skip_space();
    // jinja2 lets this one tag keep its line end.
    close("%}", false);
    const std::size_t begin = at_;
    for (; at_ < text_.size(); skip(1)) {
      if (!sees("{%")) continue;
      const std::size_t end = at_;
      const char sign = peek(2);
      const std::size_t line_before = line_;
      if (!raw_ends()) continue;
      const std::string_view content = std::string_view(text_).substr(begin, end - begin);
      // The tag's own line is known to begin inside the content or before it.
      at_line_start_ = begin > 0 && text_[begin - 1] == '\n';
      const std::string_view kept = trimmed_before_tag(content, sign, '%');
      at_line_start_ = at_ > 0 && text_[at_ - 1] == '\n';
      if (!kept.empty()) tokens_.push_back({TokenKind::text, std::string(kept), line_before});
      return;
    }
    throw TemplateError("'raw' has no '{% endraw %}'", line);
  }

  // At "{%": passes {% endraw %} and says so, or stays.
  bool raw_ends() {
    std::size_t at = at_ + 2;
    const auto text = [&] { return std::string_view(text_).substr(at); };
    if (at < text_.size() && (text_[at] == '-' || text_[at] == '+')) ++at;
    at += leading_space(text());
    if (!text().starts_with("endraw")) return false;
    at += 6;
    at += leading_space(text());
    const std::size_t back = at_;
    const std::size_t line = line_;
    skip(at - at_);
    if (close("%}", true)) return true;
    at_ = back;
    line_ = line;
    return false;
  }

  void tag(bool is_block) {
    const std::size_t line = line_;
    add(is_block ? TokenKind::block_begin : TokenKind::print_begin, "");
    std::vector<char> open;
    while (true) {
      if (open.empty() && close(is_block ? "%}" : "}}", is_block)) break;
      if (at_ >= text_.size())
        throw TemplateError(std::string("a tag has no end '") + (is_block ? "%}'" : "}}'"), line);
      if (const std::size_t space = leading_space(rest()); space > 0)
        skip(space);
      else
        inside(open);
    }
    add(is_block ? TokenKind::block_end : TokenKind::print_end, "");
  }

  void inside(std::vector<char>& open) {
    const char c = peek();
    if (c >= '0' && c <= '9') return number();
    if (c == '\'' || c == '"') return string(c);
    if (const std::size_t bytes = name_bytes(); bytes > 0) {
      add(TokenKind::name, std::string(rest().substr(0, bytes)));
      return skip(bytes);
    }
    for (const std::string_view op : kOperators) {
      if (!sees(op)) continue;
      balance(open, c);
      add(TokenKind::op, std::string(op));
      return skip(op.size());
    }
    throw TemplateError(
        "unexpected character '" + std::string(rest().substr(0, character_bytes(c))) + "' in a tag", line_);
  }

  void balance(std::vector<char>& open, char c) const {
    if (c == '(' || c == '[' || c == '{') open.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    if (c != ')' && c != ']' && c != '}') return;
    if (open.empty()) throw TemplateError(std::string("unexpected '") + c + "'", line_);
    if (open.back() != c)
      throw TemplateError(std::string("unexpected '") + c + "', expected '" + open.back() + "'", line_);
    open.pop_back();
  }

  std::size_t name_bytes() const {
    std::size_t at = at_;
    while (at < text_.size()) {
      std::size_t next = at;
      const char32_t character = next_character(text_, next);
      if (!is_word(character) || (at == at_ && is_numeric(character))) break;
      at = next;
    }
    return at - at_;
  }

  // Digits with single underscores between them.
  std::size_t digits(std::size_t offset, bool (*is_digit)(char)) const {
    std::size_t count = 0;
    while (is_digit(peek(offset + count)) ||
           (count > 0 && peek(offset + count) == '_' && is_digit(peek(offset + count + 1))))
      ++count;
    return count;
  }

  void number() {
    const auto is_decimal = [](char c) { return c >= '0' && c <= '9'; };
    if (peek() == '0' && std::string_view("xXoObB").find(peek(1)) != std::string_view::npos &&
        peek(1) != '\0')
      throw TemplateError("numbers must be decimal", line_);
    const std::size_t whole = digits(0, is_decimal);
    const bool is_after_dot = at_ > 0 && text_[at_ - 1] == '.';
    std::size_t end = whole;
    if (!is_after_dot) {
      if (peek(end) == '.' && digits(end + 1, is_decimal) > 0) end += 1 + digits(end + 1, is_decimal);
      if (const std::size_t exponent = exponent_bytes(end); exponent > 0) end += exponent;
    }
    std::string text;
    for (const char c : rest().substr(0, end))
      if (c != '_') text += c;
    if (end == whole && text.size() > 1 && text[0] == '0' && text.find_first_not_of('0') != std::string::npos)
      throw TemplateError("numbers must not begin with 0", line_);
    add(end == whole ? TokenKind::integer : TokenKind::floating, text);
    skip(end);
  }

  std::size_t exponent_bytes(std::size_t offset) const {
    if (peek(offset) != 'e' && peek(offset) != 'E') return 0;
    const std::size_t sign = peek(offset + 1) == '+' || peek(offset + 1) == '-' ? 1 : 0;
    const std::size_t count = digits(offset + 1 + sign, [](char c) { return c >= '0' && c <= '9'; });
    return count == 0 ? 0 : 1 + sign + count;
  }

  void string(char quote) {
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote) end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size()) throw TemplateError("a string has no end", line_);
    try {
      add(TokenKind::string, unescape(std::string_view(text_).substr(at_ + 1, end - at_ - 1)));
    } catch (const TemplateError& error) {
      throw TemplateError(error.what(), line_);
    }
    skip(end + 1 - at_);
  }

  std::string text_;
  std::size_t at_ = 0, line_ = 1;
  bool at_line_start_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace pq::jinja
