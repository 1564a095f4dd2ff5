#include "chat/text.hpp"

#include "chat/template_error.hpp"
#include "tokenizer/unicode.hpp"

#include <algorithm>
#include <cstring>
#include <set>

namespace pq::jinja {
namespace {

bool is_continuation(char c) noexcept { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// The byte where the character before `at` begins.
std::size_t before(std::string_view text, std::size_t at) noexcept {
  do --at;
  while (at > 0 && is_continuation(text[at]));
  return at;
}

bool is_line_end(char32_t c) noexcept {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

void split_at_space(std::string_view text, std::int64_t limit, const PartSink& sink) {
  text.remove_prefix(leading_space(text));
  for (std::int64_t count = 0; !text.empty() && (limit < 0 || count < limit); ++count) {
    std::size_t end = 0;
    for (std::size_t next = 0; end < text.size(); end = next)
      if (is_space(next_character(text, next))) break;
    sink(text.substr(0, end));
    text.remove_prefix(end);
    text.remove_prefix(leading_space(text));
  }
  if (!text.empty()) sink(text);  // the rest, with the white space at its end
}

void split_at_space_from_right(std::string_view text, std::int64_t limit, const PartSink& sink) {
  text.remove_suffix(trailing_space(text));
  for (std::int64_t count = 0; !text.empty() && (limit < 0 || count < limit); ++count) {
    std::size_t begin = text.size();
    while (begin > 0) {
      std::size_t at = before(text, begin);
      const std::size_t start = at;
      if (is_space(next_character(text, at))) break;
      begin = start;
    }
    sink(text.substr(begin));
    text = text.substr(0, begin);
    text.remove_suffix(trailing_space(text));
  }
  if (!text.empty()) sink(text);
}

std::string backwards(std::string_view text) { return {text.rbegin(), text.rend()}; }

// The characters of strip(chars).
class CharacterSet {
 public:
  explicit CharacterSet(std::string_view chars) {
    for (std::size_t at = 0; at < chars.size();) {
      const char32_t c = next_character(chars, at);
      if (c < 128)
        ascii_[c] = true;
      else
        others_.insert(c);
    }
  }
  bool contains(char32_t c) const { return c < 128 ? ascii_[c] : others_.contains(c); }

 private:
  bool ascii_[128] = {};
  std::set<char32_t> others_;
};

}  // namespace

bool is_space(char32_t c) noexcept { return is_whitespace(c) || (c >= 0x1C && c <= 0x1F); }

std::size_t leading_space(std::string_view text) noexcept {
  std::size_t at = 0;
  for (std::size_t next = 0; at < text.size(); at = next)
    if (!is_space(next_character(text, next))) break;
  return at;
}

std::size_t trailing_space(std::string_view text) noexcept {
  std::size_t end = text.size();
  while (end > 0) {
    const std::size_t begin = before(text, end);
    std::size_t at = begin;
    if (!is_space(next_character(text, at))) break;
    end = begin;
  }
  return text.size() - end;
}

std::size_t length(std::string_view text) noexcept {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

std::size_t byte_of(std::string_view text, std::size_t index) noexcept {
  std::size_t at = 0;
  for (; index > 0 && at < text.size(); --index) at += character_bytes(text[at]);
  return at;
}

std::string_view characters(std::string_view text, std::size_t first, std::size_t last) noexcept {
  if (first >= last) return {};
  text.remove_prefix(byte_of(text, first));
  return text.substr(0, byte_of(text, last - first));
}

std::vector<std::string_view> split_characters(std::string_view text) {
  std::vector<std::string_view> result;
  for (std::size_t at = 0; at < text.size(); at += result.back().size())
    result.push_back(text.substr(at, character_bytes(text[at])));
  return result;
}

std::string_view strip(std::string_view text, const std::optional<std::string>& chars, bool left,
                       bool right) {
  if (!chars) {
    if (left) text.remove_prefix(leading_space(text));
    if (right) text.remove_suffix(trailing_space(text));
    return text;
  }
  const CharacterSet set(*chars);
  for (std::size_t at = 0; left && at < text.size(); at = 0) {
    if (!set.contains(next_character(text, at))) break;
    text.remove_prefix(at);
  }
  while (right && !text.empty()) {
    const std::size_t begin = before(text, text.size());
    std::size_t at = begin;
    if (!set.contains(next_character(text, at))) break;
    text = text.substr(0, begin);
  }
  return text;
}

std::size_t find_first(std::string_view text, std::string_view wanted, std::size_t from) noexcept {
  if (from > text.size()) return std::string_view::npos;
  if (wanted.empty()) return from;
  const void* found = memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
  return found == nullptr ? std::string_view::npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

// Knuth, Morris and Pratt, from the end: as memmem() there is nothing.
std::size_t find_last(std::string_view text, std::string_view wanted) {
  if (wanted.size() > text.size()) return std::string_view::npos;
  if (wanted.empty()) return text.size();
  const auto at = [](std::string_view s, std::size_t i) { return s[s.size() - 1 - i]; };
  std::vector<std::uint32_t> border(wanted.size(), 0);  // of the last i + 1 bytes of `wanted`
  const auto advance = [&](std::size_t length, char byte) {
    while (length > 0 && at(wanted, length) != byte) length = border[length - 1];
    return at(wanted, length) == byte ? length + 1 : length;
  };
  for (std::size_t i = 1; i < wanted.size(); ++i)
    border[i] = static_cast<std::uint32_t>(advance(border[i - 1], at(wanted, i)));
  std::size_t length = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    length = advance(length, at(text, i));
    if (length == wanted.size()) return text.size() - 1 - i;
  }
  return std::string_view::npos;
}

void split(std::string_view text, const std::optional<std::string>& separator, std::int64_t limit,
           const PartSink& sink) {
  if (!separator) return split_at_space(text, limit, sink);
  if (separator->empty()) throw TemplateError("split: the separator is empty");
  for (std::int64_t count = 0; limit < 0 || count < limit; ++count) {
    const std::size_t found = find_first(text, *separator);
    if (found == std::string_view::npos) break;
    sink(text.substr(0, found));
    text.remove_prefix(found + separator->size());
  }
  sink(text);
}

void split_from_right(std::string_view text, const std::optional<std::string>& separator, std::int64_t limit,
                      const PartSink& sink) {
  if (!separator) return split_at_space_from_right(text, limit, sink);
  if (separator->empty()) throw TemplateError("rsplit: the separator is empty");
  split(backwards(text), backwards(*separator), limit, [&](std::string_view part) { sink(backwards(part)); });
}

void split_lines(std::string_view text, bool keep_ends, const PartSink& sink) {
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = at;
    const char32_t c = next_character(text, at);
    if (!is_line_end(c)) continue;
    if (c == '\r' && at < text.size() && text[at] == '\n') ++at;
    sink(text.substr(begin, (keep_ends ? at : end) - begin));
    begin = at;
  }
  if (begin < text.size()) sink(text.substr(begin));
}

std::string replace(std::string_view text, std::string_view old, std::string_view with, std::int64_t count,
                    std::size_t limit) {
  std::string out;
  const auto check = [&] {
    if (out.size() > limit) throw TemplateError("replace: the text becomes too large");
  };
  // An empty `old` is found before each character and at the end.
  while (count != 0) {
    const std::size_t found = find_first(text, old);
    if (found == std::string_view::npos) break;
    out.append(text.substr(0, found)).append(with);
    check();
    text.remove_prefix(found + old.size());
    --count;
    if (!old.empty()) continue;
    if (text.empty()) break;
    const std::size_t bytes = character_bytes(text[0]);
    out.append(text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
  return out.append(text);
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace pq::jinja
