#include "base/printable.hpp"

#include <polyquant/base/text.hpp>

#include <algorithm>

namespace pq {
namespace {

void append_hex(std::string& out, std::string_view bytes) {
  constexpr const char* kDigits = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    (((out += "\\x") += kDigits[byte >> 4]) += kDigits[byte & 15]);
  }
}

// Length of the character in UTF-8 at the start of `text`; 0 if there is none.
std::size_t character_at(std::string_view text) {
  for (std::size_t length = 1; length <= std::min<std::size_t>(4, text.size()); ++length)
    if (is_utf8(text.substr(0, length))) return length;
  return 0;
}

bool is_shown(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return (first >= 0x20 && first != 0x7F) || first == '\n' || first == '\t';
  const bool is_c1 = first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;  // U+0080 to U+009F
  return !is_c1;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = character_at(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    if (length > 0 && is_shown(character))
      out += character;
    else
      append_hex(out, character);
    text.remove_prefix(character.size());
  }
  return out;
}

}  // namespace pq
