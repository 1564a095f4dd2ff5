#include "tokenizer/unicode_classes.hpp"

#include <array>
#include <cstdio>
#include <memory>

#include <utf8proc.h>

namespace pq {
namespace {

struct Addition {
  char32_t first, last;
  char category[3];
  int version;
};
constexpr Addition kAdditions[] = {
#include "tokenizer/unicode_additions.inc"
};

constexpr char32_t kCharacters = 0x110000;
// Planes 4 to 13 hold no characters, planes 15 and 16 only those of private use.
constexpr char32_t kEmptyPlanes = 0x40000, kLastPlane = 0xE0000, kPrivateUse = 0xF0000;
constexpr std::uint8_t kLate = 0x80;  // assigned after Unicode 15.1

CharClass class_of(char major) {
  switch (major) {
    case 'L':
      return CharClass::letter;
    case 'M':
      return CharClass::mark;
    case 'N':
      return CharClass::number;
    case 'P':
      return CharClass::punctuation;
    case 'S':
      return CharClass::symbol;
    default:
      return CharClass::other;
  }
}

using Table = std::array<std::uint8_t, kCharacters>;

std::unique_ptr<const Table> make_table() {
  auto table = std::make_unique<Table>();
  table->fill(static_cast<std::uint8_t>(CharClass::other));
  for (char32_t c = 0; c < kCharacters; ++c) {
    if (c == kEmptyPlanes) c = kLastPlane;
    if (c == kPrivateUse) break;
    (*table)[c] =
        static_cast<std::uint8_t>(class_of(*utf8proc_category_string(static_cast<utf8proc_int32_t>(c))));
  }
  for (const Addition& range : kAdditions)
    for (char32_t c = range.first; c <= range.last; ++c)
      (*table)[c] = static_cast<std::uint8_t>(static_cast<std::uint8_t>(class_of(range.category[0])) |
                                              (range.version > 15 ? kLate : 0));
  return table;
}

const Table& table() {
  static const std::unique_ptr<const Table> kTable = make_table();
  return *kTable;
}

}  // namespace

CharClass char_class(char32_t character) noexcept {
  return character < kCharacters ? static_cast<CharClass>(table()[character] & ~kLate) : CharClass::other;
}

CharClass char_class_15(char32_t character) noexcept {
  const std::uint8_t entry = character < kCharacters ? table()[character] : 0;
  return (entry & kLate) != 0 ? CharClass::other : static_cast<CharClass>(entry);
}

std::string late_characters(std::string_view property) {
  std::string ranges;
  if (property.empty() || property.size() > 2) return ranges;
  for (const Addition& range : kAdditions) {
    if (std::string_view(range.category).substr(0, property.size()) != property) continue;
    char text[32];
    std::snprintf(text, sizeof text, "\\x{%X}-\\x{%X}", static_cast<unsigned>(range.first),
                  static_cast<unsigned>(range.last));
    ranges += text;
  }
  return ranges;
}

}  // namespace pq
