// Normalizers and pre-tokenizers of tokenizer.json: from a text to the words that the model sees.
#pragma once

#include "base/json.hpp"

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

/// Changes a text. Immutable, callable from any thread.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual std::string apply(std::string text) const = 0;
};
/// From the "normalizer" object; nullptr for null. Throws FormatError "SOURCE: ..." for a kind that is not supported.
std::unique_ptr<const Normalizer> make_normalizer(const Json* description,
                                                  const std::string& source = "tokenizer.json");

/// A word on its way through the pre-tokenizers: a part of the text, or of a text in the pool.
struct Word {
  std::string_view text;
  bool at_start = false;  // begins where the whole text begins
};
/// Texts that pre-tokenizers make; they stay where they are.
using TextPool = std::deque<std::string>;

/// Cuts words. Immutable, callable from any thread.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  /// Appends the pieces of `word` to `out`.
  virtual void apply(Word word, std::vector<Word>& out, TextPool& pool) const = 0;
};
/// From the "pre_tokenizer" object; nullptr for null. If the last step is ByteLevel and `bytes_last` is given, that step does not map bytes to
/// characters and *bytes_last becomes true: the words are the bytes themselves. Throws FormatError "SOURCE: ..." for a kind that is not supported.
std::unique_ptr<const PreTokenizer> make_pre_tokenizer(const Json* description,
                                                       const std::string& source = "tokenizer.json",
                                                       bool* bytes_last = nullptr);

/// GPT-2's spelling of bytes as characters: blank -> U+0120.
std::string byte_mapped(std::string_view bytes);
/// The bytes of byte-mapped text; characters outside the map stay as they are.
std::string byte_unmapped(std::string_view text);

/// The expression that ByteLevel splits with.
extern const char* const kGpt2Pattern;

}  // namespace pq
