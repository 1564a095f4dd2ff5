// Writes tokenizer.json from its parts, without building its large tables as a tree.
#pragma once

#include "tokenizer/tokenizer_json.hpp"

#include <string>
#include <vector>

namespace pq {

/// The parts of a BPE tokenizer.json. Null parts are written as null.
struct TokenizerParts {
  std::vector<AddedToken> added_tokens;
  Json normalizer, pre_tokenizer, post_processor, decoder;
  std::string unk_token;  // empty = null
  bool fuse_unk = false, byte_fallback = false, ignore_merges = false;
  std::vector<std::pair<std::string, std::int64_t>> vocab;
  std::vector<Merge> merges;
};

std::string write_tokenizer_json(const TokenizerParts& parts);

/// The merges of a vocabulary that has only scores: every cut of a piece into two pieces, the piece with the highest score first. At equal
/// score (added pieces) the longest left part comes first, then the longest right part, then the lower id, so that runs of blanks grow from the
/// left as SentencePiece matches them. `scores` is parallel to `vocab`. Throws FormatError for a vocabulary of such long pieces that the merges would
/// fill the memory.
std::vector<Merge> merges_from_scores(const std::vector<std::pair<std::string, std::int64_t>>& vocab,
                                      const std::vector<float>& scores);

}  // namespace pq
