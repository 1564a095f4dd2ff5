// What SentencePiece does to a text before it is cut into pieces, and llama.cpp's version of it.
#pragma once

#include "tokenizer/character_map.hpp"
#include "tokenizer/piece_table.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pq {

/// User-defined pieces: where one begins the text stays as it is.
class PieceMatcher {
 public:
  explicit PieceMatcher(const std::vector<std::string>& pieces);
  /// Length of the longest piece at the start of `text`, 0 if there is none.
  std::size_t longest(std::string_view text) const { return match(text, true); }
  /// Length of the longest beginning of a piece (what llama.cpp looks for).
  std::size_t longest_beginning(std::string_view text) const { return match(text, false); }

 private:
  std::size_t match(std::string_view text, bool whole) const;
  PairTable trie_;  // (node, byte) -> {0 if a piece ends there, child}
};

/// llama.cpp's normalizer of Unigram models. Immutable, callable from any thread.
class UnigramNormalizer {
 public:
  struct Blanks {
    bool add_prefix = false;
    bool remove_extra = false;
  };
  UnigramNormalizer(CharacterMap map, const std::vector<std::string>& user_defined, Blanks blanks)
      : map_(std::move(map)), user_defined_(user_defined), blanks_(blanks) {}
  std::string apply(std::string_view text) const;

 private:
  CharacterMap map_;
  PieceMatcher user_defined_;
  Blanks blanks_;
};

/// SentencePiece's own. Immutable, callable from any thread.
class SentencePieceNormalizer {
 public:
  struct Blanks {
    bool add_prefix = true;
    bool remove_extra = true;
    bool escape = true;  // blanks become U+2581
  };
  SentencePieceNormalizer(CharacterMap map, const std::vector<std::string>& user_defined, Blanks blanks)
      : map_(std::move(map)), user_defined_(user_defined), blanks_(blanks) {}
  std::string apply(std::string_view text) const;
  /// Length of the longest user-defined piece at the start of a normalized text.
  std::size_t user_defined(std::string_view text) const { return user_defined_.longest(text); }

 private:
  CharacterMap map_;
  PieceMatcher user_defined_;
  Blanks blanks_;
};

}  // namespace pq
