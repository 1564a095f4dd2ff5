// Unigram language model: the cut of a text into pieces with the highest sum of scores.
#pragma once

#include "tokenizer/piece_table.hpp"
#include "tokenizer/scored_bpe.hpp"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pq {

struct UnigramPiece {
  std::string_view text;
  double score = 0;
  std::int32_t id = 0;
};

/// Immutable, callable from any thread.
class Unigram {
 public:
  /// `unknown_score` is that of a character that is no piece; `single_precision`: sums are rounded to f32 (SentencePiece).
  Unigram(std::span<const UnigramPiece> pieces, double unknown_score, bool single_precision,
          const UnknownRule& rule);

  /// Appends the ids of a text. Throws ResourceError for a text of more than 64 MiB.
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const;

 private:
  struct Node {
    double score = 0;
    std::uint32_t start = kNone;  // where the last piece of the best path begins
    std::int32_t id = -1;         // -1: an unknown character
  };
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  void offer(Node& node, double score, std::size_t start, std::int32_t id) const;

  PairTable trie_;  // (node, byte) -> {piece that ends there, child}
  std::vector<double> scores_;
  std::vector<std::int32_t> ids_;
  double unknown_score_;
  bool single_precision_;
  UnknownRule rule_;
};

}  // namespace pq
