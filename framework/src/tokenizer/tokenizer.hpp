// From a text to token ids and back, of every source: tokenizer.json, tokenizer.model, GGUF metadata.
#pragma once

#include "tokenizer/gguf_vocabulary.hpp"
#include "tokenizer/sentencepiece_model.hpp"
#include "tokenizer/tokenizer_json.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

struct EncodeOptions {
  /// Put around the text what the model expects there (BOS, ...).
  bool add_special = true;
  /// Only for GGUF: control tokens written in the text ("<|im_end|>") become that token, not text. The Hugging Face library always does that.
  bool parse_special = false;
};

/// What is known about a tokenizer.
struct TokenizerFacts {
  std::int32_t size = 0;                                        // ids are below this
  std::int32_t bos = -1, eos = -1, unknown = -1, padding = -1;  // -1: none
  bool adds_bos = false, adds_eos = false;                      // with add_special
  bool leading_blank = false;  // decode() drops one blank that encode() put in front
};

/// What the files beside tokenizer.json and tokenizer.model say.
struct TokenizerRules {
  std::optional<bool> add_bos, add_eos;  // override the file's template
  std::string bos_token, eos_token, unknown_token, padding_token;
  std::vector<AddedToken> added_tokens;  // for tokenizer.model, which has none of its own
};

/// Immutable, callable from any thread.
class Tokenizer {
 public:
  /// Ids as the Hugging Face tokenizers library computes them. `truncation` and `padding` of the file are ignored. Throws FormatError for parts
  /// that are not supported: the models WordPiece and WordLevel, rare normalizers and pre-tokenizers.
  explicit Tokenizer(const TokenizerJson& file, const TokenizerRules& rules = {});
  /// Ids as SentencePiece computes them. Throws FormatError for models other than unigram and BPE.
  Tokenizer(const SentencePieceModel& model, const TokenizerRules& rules, const std::string& source);
  /// Ids as llama.cpp computes them.
  explicit Tokenizer(const GgufVocabulary& vocabulary);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;

  /// The ids of `text`. Invalid UTF-8 is read as U+FFFD, but the kinds of SentencePiece in GGUF files spell its bytes, as llama.cpp does.
  std::vector<std::int32_t> encode(std::string_view text, const EncodeOptions& options = {}) const;

  /// The text of tokens, bytes that form no character as U+FFFD. `skip_special` leaves control tokens out. Throws ConfigError for an id that does
  /// not exist.
  std::string decode(std::span<const std::int32_t> ids, bool skip_special = true) const;
  /// A token as its file spells it. Throws ConfigError for an id that does not exist.
  std::string token(std::int32_t id) const;
  const TokenizerFacts& facts() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// SHA-256 of "[1, 2, 3]" made of these ids: how llama.cpp's converter recognises tokenizers.
std::string fingerprint(const std::vector<std::int32_t>& ids);

}  // namespace pq
