// The normalizer Precompiled of tokenizer.json: SentencePiece's character map, applied as the tokenizers library does it.
#include "tokenizer/precompiled_normalizer.hpp"

#include "tokenizer/character_map.hpp"
#include "tokenizer/normalized_bytes.hpp"
#include "tokenizer/unicode.hpp"

#include <polyquant/base/error.hpp>

namespace pq {
namespace {

constexpr std::size_t kLongestReplaced = 5;  // bytes; longer clusters are replaced character by character

int digit_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

std::string from_base64(std::string_view text, const std::string& source) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int digit = digit_of(c);
    if (digit < 0) throw FormatError(source + ": 'precompiled_charsmap' is no base64");
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 255);
  }
  return bytes;
}

class Precompiled final : public Normalizer {
 public:
  explicit Precompiled(CharacterMap map) : map_(std::move(map)) {}
  std::string apply(std::string text) const override {
    std::string out;
    std::string_view rest = text;
    while (!rest.empty()) {
      const std::string_view cluster = rest.substr(0, cluster_bytes(rest));
      rest.remove_prefix(cluster.size());
      if (cluster.size() <= kLongestReplaced && append_replaced(cluster, out)) continue;
      for (std::size_t at = 0; at < cluster.size();) {
        const std::string_view character = cluster.substr(at, character_bytes(cluster[at]));
        if (!append_replaced(character, out)) out += character;
        at += character.size();
      }
    }
    return out;
  }

 private:
  // The library takes the shortest prefix that the map knows, and replaces the whole part by it.
  bool append_replaced(std::string_view part, std::string& out) const {
    const auto match = map_.shortest(part);
    if (match) out += match->replacement;
    check_normalized_bytes(out.size());
    return match.has_value();
  }

  CharacterMap map_;
};

}  // namespace

std::unique_ptr<const Normalizer> make_precompiled_normalizer(std::string_view base64,
                                                              const std::string& source) {
  return std::make_unique<Precompiled>(CharacterMap(from_base64(base64, source), source));
}

}  // namespace pq
