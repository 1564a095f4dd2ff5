// Where a long text without a pre-tokenizer can be cut all the same: before a U+2581 that no piece has after the character in front of it. No
// merge crosses such a place, so both parts can be encoded (and remembered) on their own.
#pragma once

#include <string_view>
#include <unordered_set>

namespace pq {

class WordCuts {
 public:
  /// Learns which characters stand before a U+2581 in a piece.
  void learn(std::string_view piece);
  /// The length of the first part of `text` (all of it if there is no cut).
  std::size_t next(std::string_view text) const;

 private:
  std::unordered_set<std::uint32_t> joining_;  // last bytes of those characters, packed
};

}  // namespace pq
