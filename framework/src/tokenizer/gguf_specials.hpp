// Special tokens inside a text, cut out as llama.cpp does it.
#pragma once

#include "tokenizer/gguf_vocabulary.hpp"
#include "tokenizer/piece_table.hpp"

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace pq {

/// A part of a text: a token, or text between tokens.
struct TextPart {
  std::string_view text;
  std::int32_t token = -1;
};

/// Immutable, callable from any thread.
class GgufSpecials {
 public:
  explicit GgufSpecials(const GgufVocabulary& vocabulary);
  /// The parts of `text`. Control and unknown tokens are found only if `parse_special`, user-defined tokens always. The longest token takes its
  /// places first, wherever they are.
  std::vector<TextPart> split(std::string_view text, bool parse_special) const;

 private:
  struct Special {
    std::int32_t id;
    std::uint32_t size;
    bool control;  // or unknown
    bool strips_right;
  };
  // A node of the trie of the tokens, read from their last byte to their first, so that going through a text from its end finds what begins at each
  // byte (Aho and Corasick).
  struct Node {
    std::int32_t shorter = 0;   // of the longest begin of this text that is another node's
    std::int32_t special = -1;  // the token that this is, a place in specials_
    std::int32_t any = -1;      // the node of the longest token that this text begins with, itself included
    std::int32_t user_defined = -1;  // the same without control tokens
  };
  struct Place {
    std::uint32_t special;  // in specials_, which is in order of priority
    std::size_t begin, end;
    std::int32_t node;
  };
  std::int32_t found_at(std::int32_t node, bool parse_special) const noexcept;
  std::int32_t next(std::int32_t node, char byte) const noexcept;
  void link(const std::vector<std::pair<std::int32_t, char>>& parents);

  std::vector<Special> specials_;
  std::vector<Node> nodes_;
  PairTable trie_;          // (node, byte) -> child
  bool is_last_[256] = {};  // byte of some token
};

}  // namespace pq
