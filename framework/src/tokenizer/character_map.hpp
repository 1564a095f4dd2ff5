// The precompiled character map of SentencePiece models: prefixes of a text and what replaces them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

/// Immutable, callable from any thread.
class CharacterMap {
 public:
  /// Four bytes with the size of a double-array trie, the trie (darts-clone), then the replacements, each ended by a zero byte. An empty map
  /// replaces nothing. Throws FormatError "SOURCE: ..." if sizes contradict.
  CharacterMap(std::string_view bytes, const std::string& source);

  struct Match {
    std::size_t length = 0;  // of the prefix
    std::string_view replacement;
  };
  /// The longest prefix of `text` that is replaced; nothing if there is none.
  std::optional<Match> longest(std::string_view text) const { return find(text, true); }
  /// The shortest one.
  std::optional<Match> shortest(std::string_view text) const { return find(text, false); }

 private:
  std::optional<Match> find(std::string_view text, bool longest) const;
  std::string_view replacement(std::uint32_t place) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;
};

}  // namespace pq
