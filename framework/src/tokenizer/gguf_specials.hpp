// Special tokens inside a text, cut out as llama.cpp does it.
#pragma once

#include "tokenizer/gguf_vocabulary.hpp"
#include "tokenizer/piece_table.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
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
  struct Place {
    std::uint32_t special;  // in specials_, which is in order of priority
    std::size_t begin, end;
  };
  std::optional<Place> longest(std::string_view text, std::size_t begin, bool parse_special) const;

  std::vector<Special> specials_;
  PairTable trie_;  // (node, byte) -> {special that ends there, child}
  bool starts_[256] = {};
};

}  // namespace pq
