// From a text to token ids, as the Hugging Face tokenizers library computes them from tokenizer.json.
#pragma once

#include "tokenizer/tokenizer_json.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

/// A tokenizer. Immutable, callable from any thread.
class Tokenizer {
 public:
  /// Throws FormatError for parts that are not supported (models other than BPE, rare normalizers and pre-tokenizers).
  explicit Tokenizer(const TokenizerJson& description);
  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  /// The ids of `text`; special tokens inside it are recognised. `add_special`: what the post-processor puts around it (BOS, ...).
  /// Invalid UTF-8 is read as U+FFFD. `truncation` and `padding` of the file are ignored.
  std::vector<std::int32_t> encode(std::string_view text, bool add_special) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

/// SHA-256 of "[1, 2, 3]" made of these ids: how llama.cpp's converter recognises tokenizers.
std::string fingerprint(const std::vector<std::int32_t>& ids);

}  // namespace pq
