#include "tokenizer/unigram_normalizer.hpp"

#include "tokenizer/normalized_bytes.hpp"
#include "tokenizer/unicode.hpp"

#include <polyquant/base/text.hpp>

#include <algorithm>

namespace pq {
namespace {

constexpr std::string_view kMark = "\xE2\x96\x81";         // U+2581
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct Prefix {
  std::string_view normalized;
  std::size_t length = 0;
};

Prefix next_prefix(std::string_view text, std::size_t user_defined, const CharacterMap& map) {
  if (user_defined > 0) return {text.substr(0, user_defined), user_defined};
  if (const auto match = map.longest(text)) return {match->replacement, match->length};
  const std::size_t size = sequence_bytes(text[0]);
  if (size <= text.size() && is_utf8(text.substr(0, size))) return {text.substr(0, size), size};
  return {kReplacement, 1};
}

}  // namespace

PieceMatcher::PieceMatcher(const std::vector<std::string>& pieces) {
  std::int32_t nodes = 1;
  for (const std::string& piece : pieces) {
    std::int32_t node = 0;
    for (std::size_t i = 0; i < piece.size(); ++i) {
      const std::int32_t byte = static_cast<unsigned char>(piece[i]);
      Join child = trie_.find(node, byte);
      if (child.id < 0) child.id = nodes++;
      if (i + 1 == piece.size()) child.rank = 0;
      trie_.add(node, byte, child, true);
      node = child.id;
    }
  }
}

std::size_t PieceMatcher::match(std::string_view text, bool whole) const {
  std::size_t length = 0;
  std::int32_t node = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const Join child = trie_.find(node, static_cast<unsigned char>(text[i]));
    if (child.id < 0) break;
    node = child.id;
    if (!whole || child.rank == 0) length = i + 1;
  }
  return length;
}

std::string UnigramNormalizer::apply(std::string_view text) const {
  std::string out;
  bool has_prefix = false, in_word = false;
  while (!text.empty()) {
    const Prefix prefix = next_prefix(text, user_defined_.longest_beginning(text), map_);
    for (const char c : prefix.normalized) {
      if (c == ' ') {
        in_word = false;
        if (!blanks_.remove_extra) out += kMark;
        continue;
      }
      if (!in_word && ((blanks_.add_prefix && !has_prefix) || blanks_.remove_extra)) {
        out += kMark;
        has_prefix = true;
      }
      in_word = true;
      out += c;
    }
    text.remove_prefix(prefix.length);
    check_normalized_bytes(out.size());
  }
  return out;
}

std::string SentencePieceNormalizer::apply(std::string_view text) const {
  const std::string_view blank = blanks_.escape ? kMark : std::string_view(" ");
  std::string out;
  bool after_blank = blanks_.remove_extra, started = false;
  while (!text.empty()) {
    Prefix prefix = next_prefix(text, user_defined_.longest(text), map_);
    text.remove_prefix(prefix.length);
    if (!started && blanks_.remove_extra && prefix.normalized == " ") continue;
    if (!started && blanks_.add_prefix) out += blank;
    started = true;
    while (after_blank && prefix.normalized.starts_with(' ')) prefix.normalized.remove_prefix(1);
    for (const char c : prefix.normalized)
      if (c == ' ')
        out += blank;
      else
        out += c;
    check_normalized_bytes(out.size());
    if (!prefix.normalized.empty()) after_blank = blanks_.remove_extra && prefix.normalized.ends_with(' ');
  }
  while (blanks_.remove_extra && out.ends_with(blank)) out.erase(out.size() - blank.size());
  return out;
}

}  // namespace pq
