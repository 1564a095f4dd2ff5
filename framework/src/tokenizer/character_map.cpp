#include "tokenizer/character_map.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/error.hpp>

namespace pq {
namespace {

// A unit of the trie: bits 0-7 and 31 label, bit 8 has a value, bit 9 wide offset, bits 10-30 offset (darts-clone, darts.h).
std::uint32_t label(std::uint32_t unit) { return unit & (1u << 31 | 0xFFu); }
bool has_value(std::uint32_t unit) { return (unit >> 8 & 1) != 0; }
std::uint32_t value(std::uint32_t unit) { return unit & ((1u << 31) - 1); }
std::uint32_t offset(std::uint32_t unit) { return (unit >> 10) << ((unit & (1u << 9)) >> 6); }

}  // namespace

CharacterMap::CharacterMap(std::string_view bytes, const std::string& source) {
  if (bytes.empty()) return;
  const auto load32 = [&](std::size_t at) {
    return load<std::uint32_t>(reinterpret_cast<const std::byte*>(bytes.data()) + at);
  };
  const std::size_t size = bytes.size() < 4 ? 0 : load32(0);
  if (bytes.size() < 4 || size == 0 || size % 4 != 0 || size > bytes.size() - 4)
    throw FormatError(source + ": the precompiled character map has " + std::to_string(bytes.size()) +
                      " bytes, which is no whole map");
  for (std::size_t at = 4; at < 4 + size; at += 4) units_.push_back(load32(at));
  replacements_ = bytes.substr(4 + size);
}

std::string_view CharacterMap::replacement(std::uint32_t place) const {
  if (place >= replacements_.size()) return {};
  const std::size_t end = replacements_.find('\0', place);
  return std::string_view(replacements_).substr(place, end == std::string::npos ? end : end - place);
}

std::optional<CharacterMap::Match> CharacterMap::find(std::string_view text, bool longest) const {
  std::optional<Match> found;
  if (units_.empty()) return found;
  std::size_t node = offset(units_[0]);
  for (std::size_t i = 0; i < text.size() && text[i] != '\0'; ++i) {
    const std::uint32_t byte = static_cast<unsigned char>(text[i]);
    node ^= byte;
    if (node >= units_.size() || label(units_[node]) != byte) break;
    const std::uint32_t unit = units_[node];
    node ^= offset(unit);
    if (!has_value(unit)) continue;
    if (node >= units_.size()) break;
    found = Match{i + 1, replacement(value(units_[node]))};
    if (!longest) break;
  }
  return found;
}

}  // namespace pq
