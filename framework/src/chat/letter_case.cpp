// upper(), lower() and their relatives, and the predicates on letters.
#include "chat/template_error.hpp"
#include "chat/text.hpp"
#include "tokenizer/unicode.hpp"

#include <algorithm>

namespace pq::jinja {
namespace {

struct SpecialCasing {
  char32_t character;
  std::u32string_view upper, title;
};
constexpr SpecialCasing kSpecialCasing[] = {
#include "chat/special_casing.inc"
};

const SpecialCasing* special(char32_t c) {
  if (c < 0x80) return nullptr;
  const auto* end = std::end(kSpecialCasing);
  const auto* found =
      std::lower_bound(std::begin(kSpecialCasing), end, c,
                       [](const SpecialCasing& row, char32_t x) { return row.character < x; });
  return found != end && found->character == c ? found : nullptr;
}

void append(std::string& out, std::u32string_view text) {
  for (const char32_t c : text) append_utf8(out, c);
}

void append_upper(std::string& out, char32_t c) {
  if (const SpecialCasing* row = special(c)) return append(out, row->upper);
  append_utf8(out, to_upper(c));
}

void append_title(std::string& out, char32_t c) {
  if (const SpecialCasing* row = special(c)) return append(out, row->title);
  append_utf8(out, to_title(c));
}

// `at` is behind the character. A capital sigma at the end of a word has a form of its own.
void append_lower(std::string& out, char32_t c, std::string_view text, std::size_t at, bool after_letter) {
  if (c == 0x130) return append(out, U"i\u0307");
  if (c == 0x3A3 && after_letter && (at >= text.size() || !has_case(next_character(text, at))))
    return append(out, U"\u03C2");
  append_utf8(out, to_lower(c));
}

// Applies `first` to characters that begin a word and lower case to the others; `begins` decides by the character before (0 = none).
template <class Begins>
std::string capitalized(std::string_view text, Begins begins) {
  std::string out;
  char32_t previous = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    if (begins(previous))
      append_title(out, c);
    else
      append_lower(out, c, text, at, has_case(previous));
    previous = c;
  }
  return out;
}

// Superscripts and the like: Numeric_Type=Digit of Unicode 14.0, which str.isdigit() takes beside decimal digits.
bool is_other_digit(char32_t c) {
  constexpr std::pair<char32_t, char32_t> kRanges[] = {
      {0xB2, 0xB3},     {0xB9, 0xB9},       {0x1369, 0x1371},   {0x19DA, 0x19DA},   {0x2070, 0x2070},
      {0x2074, 0x2079}, {0x2080, 0x2089},   {0x2460, 0x2468},   {0x2474, 0x247C},   {0x2488, 0x2490},
      {0x24EA, 0x24EA}, {0x24F5, 0x24FD},   {0x24FF, 0x24FF},   {0x2776, 0x277E},   {0x2780, 0x2788},
      {0x278A, 0x2792}, {0x10A40, 0x10A43}, {0x10E60, 0x10E68}, {0x11052, 0x1105A}, {0x1F100, 0x1F10A}};
  return std::any_of(std::begin(kRanges), std::end(kRanges),
                     [&](const auto& range) { return c >= range.first && c <= range.second; });
}

bool all(std::string_view text, bool (*holds)(char32_t)) {
  for (std::size_t at = 0; at < text.size();)
    if (!holds(next_character(text, at))) return false;
  return true;
}

// At least one letter with a case, and none of the other case.
bool is_case(std::string_view text, bool upper) {
  bool found = false;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    if (upper ? is_lower(c) : is_upper(c)) return false;
    found = found || (upper ? is_upper(c) : is_lower(c));
  }
  return found;
}

}  // namespace

std::string upper(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) append_upper(out, next_character(text, at));
  return out;
}

std::string lower(std::string_view text) {
  return capitalized(text, [](char32_t) { return false; });
}

std::string capitalize(std::string_view text) {
  return capitalized(text, [](char32_t previous) { return previous == 0; });
}

std::string title(std::string_view text) {
  return capitalized(text, [](char32_t previous) { return !has_case(previous); });
}

std::string title_words(std::string_view text) {
  std::string out;
  char32_t previous = 0;
  const auto splits = [](char32_t c) {
    return is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
  };
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    if (previous == 0 || (splits(previous) && !splits(c)))
      append_upper(out, c);
    else
      append_lower(out, c, text, at, has_case(previous));
    previous = c;
  }
  return out;
}

std::string swap_case(std::string_view text) {
  std::string out;
  char32_t previous = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    if (is_upper(c))
      append_lower(out, c, text, at, has_case(previous));
    else if (is_lower(c))
      append_upper(out, c);
    else
      append_utf8(out, c);
    previous = c;
  }
  return out;
}

bool all_alnum(std::string_view text) {
  return !text.empty() && all(text, [](char32_t c) { return is_letter(c) || is_numeric(c); });
}
bool all_alpha(std::string_view text) { return !text.empty() && all(text, is_letter); }
bool all_ascii(std::string_view text) {
  return all(text, [](char32_t c) { return c < 0x80; });
}
bool all_decimal(std::string_view text) { return !text.empty() && all(text, is_decimal_digit); }
bool all_digits(std::string_view text) {
  return !text.empty() && all(text, [](char32_t c) { return is_decimal_digit(c) || is_other_digit(c); });
}
bool all_printable(std::string_view text) { return all(text, is_printable); }
bool all_space(std::string_view text) { return !text.empty() && all(text, is_space); }
bool is_lower_case(std::string_view text) { return is_case(text, false); }
bool is_upper_case(std::string_view text) { return is_case(text, true); }
bool is_title_case(std::string_view text) { return is_case(lower(text), false) && title(text) == text; }

}  // namespace pq::jinja
