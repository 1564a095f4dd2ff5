// tokenizer.json of the Hugging Face tokenizers library, read without keeping its large tables as a tree.
#pragma once

#include "base/json.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pq {

struct AddedToken {
  std::int64_t id = 0;
  std::string content;
  bool special = false;
  bool normalized = false;
  bool single_word = false;
  bool lstrip = false;
  bool rstrip = false;
};

/// One merge: `left_bytes` of `text` come from the left symbol.
struct Merge {
  std::string text;
  std::uint32_t left_bytes = 0;
  std::string_view left() const noexcept { return std::string_view(text).substr(0, left_bytes); }
  std::string_view right() const noexcept { return std::string_view(text).substr(left_bytes); }
};

/// The file's content. Plain data.
struct TokenizerJson {
  std::string source;                                       // for messages
  std::vector<std::pair<std::string, std::int64_t>> vocab;  // in file order; model.vocab
  std::vector<double> scores;  // Unigram: parallel to vocab, whose ids are their places
  std::vector<Merge> merges;   // in order of rank
  std::vector<AddedToken> added_tokens;
  Json rest;  // the file without model.vocab and model.merges

  std::string model_type() const;  // "BPE", "Unigram", ...
  /// A member of `model`, false if it is absent or null.
  bool model_flag(std::string_view key) const;
};

/// Parses the file. Throws FormatError "SOURCE: ..." for broken JSON, wrong kinds, or ids that are no token numbers.
TokenizerJson parse_tokenizer_json(std::string_view text, const std::string& source);

}  // namespace pq
