#include "tokenizer/unicode.hpp"

#include "tokenizer/unicode_classes.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <memory>
#include <utility>

#include <utf8proc.h>

namespace pq {
namespace {

utf8proc_category_t category(char32_t character) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(character));
}

// No character below U+0300 combines or has a composition; below U+00A0 no form changes anything.
bool is_normal_already(std::string_view text, NormalForm form) {
  const unsigned char limit = form == NormalForm::nfc ? 0xCC : 0x80;
  return std::all_of(text.begin(), text.end(), [limit](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < limit;
  });
}

// The library's pre-tokenizer Punctuation asks a table of Unicode 8.0: punctuation that came later is none there.
constexpr std::pair<char32_t, char32_t> kNewPunctuation[] = {
    {0x61D, 0x61D},     {0x9FD, 0x9FD},     {0xA76, 0xA76},     {0xC77, 0xC77},     {0xC84, 0xC84},
    {0x1B4E, 0x1B4F},   {0x1B7D, 0x1B7F},   {0x2E43, 0x2E4F},   {0x2E52, 0x2E5D},   {0x10D6E, 0x10D6E},
    {0x10EAD, 0x10EAD}, {0x10F55, 0x10F59}, {0x10F86, 0x10F89}, {0x113D4, 0x113D8}, {0x1144B, 0x1144F},
    {0x1145A, 0x1145B}, {0x1145D, 0x1145D}, {0x11660, 0x1166C}, {0x116B9, 0x116B9}, {0x1183B, 0x1183B},
    {0x11944, 0x11946}, {0x119E2, 0x119E2}, {0x11A3F, 0x11A46}, {0x11A9A, 0x11A9C}, {0x11A9E, 0x11AA2},
    {0x11B00, 0x11B09}, {0x11BE1, 0x11BE1}, {0x11C41, 0x11C45}, {0x11C70, 0x11C71}, {0x11EF7, 0x11EF8},
    {0x11F43, 0x11F4F}, {0x11FFF, 0x11FFF}, {0x12FF1, 0x12FF2}, {0x16D6D, 0x16D6F}, {0x16E97, 0x16E9A},
    {0x16FE2, 0x16FE2}, {0x1E5FF, 0x1E5FF}, {0x1E95E, 0x1E95F}};

}  // namespace

char32_t next_character(std::string_view text, std::size_t& at) noexcept {
  const std::size_t length = std::min(character_bytes(text[at]), text.size() - at);
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[at + i]));
  };
  char32_t result = byte(0);
  if (length > 1) {
    result &= 0x7Fu >> length;
    for (std::size_t i = 1; i < length; ++i) result = result << 6 | (byte(i) & 0x3F);
  }
  at += length;
  return result;
}

std::size_t character_bytes(char first) noexcept {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

std::size_t sequence_bytes(char first) noexcept {
  return (static_cast<unsigned char>(first) & 0xC0) == 0x80 ? 1 : character_bytes(first);
}

void append_utf8(std::string& out, char32_t character) {
  utf8proc_uint8_t bytes[4];
  const utf8proc_ssize_t count = utf8proc_encode_char(static_cast<utf8proc_int32_t>(character), bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    utf8proc_int32_t character = 0;
    const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at);
    const utf8proc_ssize_t count =
        utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(text.size() - at), &character);
    if (count > 0)
      out.append(text.substr(at, static_cast<std::size_t>(count)));
    else
      out += "\xEF\xBF\xBD";
    at += count > 0 ? static_cast<std::size_t>(count) : 1;
  }
  return out;
}

std::size_t cluster_bytes(std::string_view text) noexcept {
  std::size_t at = 0;
  utf8proc_int32_t state = 0;
  auto last = static_cast<utf8proc_int32_t>(next_character(text, at));
  while (at < text.size()) {
    std::size_t next = at;
    const auto character = static_cast<utf8proc_int32_t>(next_character(text, next));
    if (utf8proc_grapheme_break_stateful(last, character, &state)) break;
    last = character;
    at = next;
  }
  return at;
}

std::string lower_case(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t character = next_character(text, at);
    append_utf8(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(character))));
    if (character == 0x130) append_utf8(out, 0x307);  // the one letter that becomes two
  }
  return out;
}

std::string without_marks(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const utf8proc_category_t kind = category(next_character(text, at));
    const bool mark =
        kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_MC || kind == UTF8PROC_CATEGORY_ME;
    if (!mark) out += text.substr(begin, at - begin);
  }
  return out;
}

std::string normalized(std::string_view text, NormalForm form) {
  if (is_normal_already(text, form)) return std::string(text);
  int options = UTF8PROC_STABLE;
  options |= form == NormalForm::nfc || form == NormalForm::nfkc ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
  if (form == NormalForm::nfkc || form == NormalForm::nfkd) options |= UTF8PROC_COMPAT;
  utf8proc_uint8_t* result = nullptr;
  const utf8proc_ssize_t count = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                              static_cast<utf8proc_ssize_t>(text.size()), &result,
                                              static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(result, &std::free);
  if (count < 0) throw FormatError(std::string("a text cannot be normalized: ") + utf8proc_errmsg(count));
  return {reinterpret_cast<const char*>(result), static_cast<std::size_t>(count)};
}

bool is_whitespace(char32_t c) noexcept {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool is_numeric(char32_t c) noexcept {
  if (c < 128) return c >= '0' && c <= '9';
  // Two ranges of Unicode 17.0, which the library already knows here.
  return char_class(c) == CharClass::number || (c >= 0x11DE0 && c <= 0x11DE9) ||
         (c >= 0x16FF4 && c <= 0x16FF6);
}

bool is_punctuation(char32_t c) noexcept {
  if (c < 128)
    return std::string_view("$+<=>^`|~").find(static_cast<char>(c)) != std::string_view::npos ||
           char_class(c) == CharClass::punctuation;
  if (c == 0x166D || c == 0x111C9) return true;  // punctuation of old, in other categories now
  for (const auto& [first, last] : kNewPunctuation)
    if (c >= first && c <= last) return false;
  return char_class(c) == CharClass::punctuation;
}

bool is_word(char32_t c) noexcept {
  const CharClass kind = char_class(c);
  if (kind == CharClass::letter || kind == CharClass::mark) return true;
  if (kind == CharClass::number) return category(c) != UTF8PROC_CATEGORY_NO || c < 0x100;  // of Latin-1 all
  const bool circled = (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
                       (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
  return circled || category(c) == UTF8PROC_CATEGORY_PC;
}

bool is_letter(char32_t c) noexcept {
  const utf8proc_category_t kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool is_decimal_digit(char32_t c) noexcept { return category(c) == UTF8PROC_CATEGORY_ND; }

bool is_upper(char32_t c) noexcept { return category(c) == UTF8PROC_CATEGORY_LU; }

bool is_lower(char32_t c) noexcept { return category(c) == UTF8PROC_CATEGORY_LL; }

bool has_case(char32_t c) noexcept {
  const utf8proc_category_t kind = category(c);
  return kind == UTF8PROC_CATEGORY_LU || kind == UTF8PROC_CATEGORY_LL || kind == UTF8PROC_CATEGORY_LT;
}

bool is_printable(char32_t c) noexcept {
  const utf8proc_category_t kind = category(c);
  return c == ' ' || (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_SO);
}

char32_t to_upper(char32_t c) noexcept {
  return static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c)));
}

char32_t to_lower(char32_t c) noexcept {
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

char32_t to_title(char32_t c) noexcept {
  return static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c)));
}

}  // namespace pq
