#include "tokenizer/word_cuts.hpp"

#include <cstdint>

namespace pq {
namespace {

constexpr std::string_view kMark = "\xE2\x96\x81";  // U+2581

// The character that ends at text[end), at most four bytes, as a number.
std::uint32_t character_before(std::string_view text, std::size_t end) {
  std::uint32_t packed = 0;
  for (std::size_t i = 0; i < 4 && i < end; ++i) {
    const auto byte = static_cast<unsigned char>(text[end - 1 - i]);
    packed |= static_cast<std::uint32_t>(byte) << (8 * i);
    if ((byte & 0xC0) != 0x80) break;
  }
  return packed;
}

}  // namespace

void WordCuts::learn(std::string_view piece) {
  for (std::size_t at = piece.find(kMark, 1); at != piece.npos; at = piece.find(kMark, at + 1))
    joining_.insert(character_before(piece, at));
}

std::size_t WordCuts::next(std::string_view text) const {
  for (std::size_t at = text.find(kMark, 1); at != text.npos; at = text.find(kMark, at + 1))
    if (!joining_.contains(character_before(text, at))) return at;
  return text.size();
}

}  // namespace pq
