// Byte-pair encoding of SentencePiece: neighbours are joined if the result is a piece, the piece with the highest score first.
#pragma once

#include "tokenizer/merge_symbols.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

struct ScoredPiece {
  std::string_view text;
  float score = 0;
  std::int32_t id = 0;
  bool unused = false;  // may be passed through, but not be left in the end (SentencePiece's UNUSED)
};

/// What becomes of a character that is no piece: its bytes, or else the unknown token (once per run if `fuse_unknown`).
struct UnknownRule {
  std::int32_t bytes[256];  // -1: none
  std::int32_t unknown = -1;
  bool fuse_unknown = false;
};

/// Immutable, callable from any thread with a scratch of its own.
class ScoredBpe {
 public:
  ScoredBpe(std::span<const ScoredPiece> pieces, const UnknownRule& rule);
  ~ScoredBpe();

  /// Appends the ids of a text whose blanks are U+2581 already. Bytes that are no UTF-8 are characters of their own.
  void encode(std::string_view text, MergeScratch& scratch, std::vector<std::int32_t>& ids) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace pq
