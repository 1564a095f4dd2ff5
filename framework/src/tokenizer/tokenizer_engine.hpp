// What the kinds of tokenizers have in common, behind class Tokenizer.
#pragma once

#include "tokenizer/merge_symbols.hpp"
#include "tokenizer/pre_tokenizer.hpp"
#include "tokenizer/tokenizer.hpp"

namespace pq {

/// Memory of one encode() at a time.
struct EncodeScratch {
  MergeScratch merge;
  std::vector<Word> words;
  TextPool pool;
};

/// Immutable, callable from any thread with a scratch of its own.
class TokenizerEngine {
 public:
  virtual ~TokenizerEngine() = default;
  virtual void encode(std::string_view text, const EncodeOptions& options, EncodeScratch& scratch,
                      std::vector<std::int32_t>& ids) const = 0;
  /// Appends the bytes that a token stands for. `id` is below facts().size.
  virtual void append_piece(std::int32_t id, bool skip_special, std::string& out) const = 0;
  /// The token as its file spells it.
  virtual std::string token(std::int32_t id) const = 0;
  const TokenizerFacts& facts() const noexcept { return facts_; }

 protected:
  TokenizerFacts facts_;
};

std::unique_ptr<const TokenizerEngine> make_gguf_engine(const GgufVocabulary& vocabulary);
std::unique_ptr<const TokenizerEngine> make_huggingface_engine(const TokenizerJson& file,
                                                               const TokenizerRules& rules);
std::unique_ptr<const TokenizerEngine> make_sentencepiece_engine(const SentencePieceModel& model,
                                                                 const TokenizerRules& rules,
                                                                 const std::string& source);

/// `<0x0A>` -> 10; -1 for other texts. Digits are upper case.
int byte_of_piece(std::string_view piece) noexcept;
/// The piece of a byte.
std::string piece_of_byte(int byte);
/// Appends `text` with U+2581 as blanks.
void append_with_blanks(std::string_view text, std::string& out);
/// The text with U+2581 in place of blanks, and one more in front if `prefix`.
std::string marked_blanks(std::string_view text, bool prefix);

}  // namespace pq
