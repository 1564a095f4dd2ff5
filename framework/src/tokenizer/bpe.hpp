// Byte-pair encoding with a list of merges: the pair of lowest rank is joined first.
#pragma once

#include "tokenizer/merge_symbols.hpp"
#include "tokenizer/tokenizer_json.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pq {

/// What a model of this kind is made of, from tokenizer.json or GGUF metadata. Plain data; the Bpe keeps none of it.
struct BpeParts {
  std::span<const std::pair<std::string, std::int64_t>> vocab;
  std::span<const Merge> merges;  // in order of rank
  std::string source;             // for messages
  bool bytes = false;             // words are bytes; pieces spell them in GPT-2's characters
  bool byte_fallback = false;     // unknown characters become <0x..> tokens
  bool ignore_merges = false;     // a word that is a piece is not built from its parts
  bool fuse_unknown = false;
  std::int32_t unknown = -1;
  /// As llama.cpp: merges may use symbols that are no tokens, of two equal merges the first counts, and what has no token in the end becomes
  /// byte tokens or nothing. Otherwise as the tokenizers library.
  bool llama_cpp = false;
};

/// Immutable, callable from any thread with a scratch of its own.
class Bpe {
 public:
  /// Throws FormatError for a merge whose symbols are not in the vocabulary (unless parts.llama_cpp).
  explicit Bpe(const BpeParts& parts);
  ~Bpe();

  /// Appends the ids of one word.
  void encode(std::string_view word, MergeScratch& scratch, std::vector<std::int32_t>& ids) const;
  /// The id of a piece, or -1.
  std::int32_t id_of(std::string_view piece) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace pq
