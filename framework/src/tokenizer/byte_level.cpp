#include "tokenizer/pre_tokenizer.hpp"

#include "tokenizer/unicode.hpp"

#include <array>

namespace pq {
namespace {

// Bytes 33-126, 161-172, 174-255 stand for themselves; the other 68 become U+0100, U+0101, ... in ascending order (GPT-2 encoder.py).
constexpr bool stands_for_itself(int byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

constexpr std::array<char32_t, 256> kCharacters = [] {
  std::array<char32_t, 256> map{};
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte)
    map[static_cast<std::size_t>(byte)] = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
  return map;
}();

constexpr std::array<int, 0x144> kBytes = [] {
  std::array<int, 0x144> map{};
  for (int& byte : map) byte = -1;
  for (std::size_t byte = 0; byte < 256; ++byte) map[kCharacters[byte]] = static_cast<int>(byte);
  return map;
}();

}  // namespace

const char* const kGpt2Pattern =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

std::string byte_mapped(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) append_utf8(out, kCharacters[static_cast<unsigned char>(byte)]);
  return out;
}

std::string byte_unmapped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    const char32_t character = next_character(text, at);
    const int byte = character < kBytes.size() ? kBytes[character] : -1;
    if (byte >= 0)
      out += static_cast<char>(byte);
    else
      out.append(text.substr(start, at - start));
  }
  return out;
}

}  // namespace pq
