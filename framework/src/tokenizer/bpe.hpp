// Byte-pair encoding: merges of lowest rank first.
#pragma once

#include "tokenizer/tokenizer_json.hpp"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace pq {

/// The BPE model of a tokenizer.json. Immutable, callable from any thread.
class Bpe {
 public:
  /// Throws FormatError for a merge whose symbols are not in the vocabulary. Keeps what it needs of `tokenizer`.
  explicit Bpe(const TokenizerJson& tokenizer);
  ~Bpe();

  /// Appends the ids of one word.
  void encode(std::string_view word, std::vector<std::int32_t>& ids) const;
  /// The id of a piece, or -1.
  std::int32_t id_of(std::string_view piece) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace pq
