// The tokenizer of GGUF metadata, as llama.cpp reads it (src/llama-vocab.cpp).
#pragma once

#include <polyquant/base/metadata.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pq {

/// Plain data; defaults of the kind of tokenizer are filled in.
struct GgufVocabulary {
  /// What llama.cpp does with a token, as bits.
  enum Attribute : std::uint8_t {
    normal = 1,
    unknown = 2,
    control = 4,
    user_defined = 8,
    unused = 16,
    byte = 32
  };
  enum class Kind { gpt2, llama, t5 };

  Kind kind = Kind::gpt2;
  std::string source;  // for messages
  std::string pre;     // the splitter of kind gpt2
  std::vector<std::string> tokens;
  std::vector<std::uint8_t> types;       // attributes as the file says
  std::vector<std::uint8_t> attributes;  // as llama.cpp has them after looking at the tokens' texts
  std::vector<float> scores;
  std::vector<std::string> merges;
  std::int32_t bos = -1, eos = -1, unknown_id = -1, padding = -1;  // -1: none
  bool add_bos = false, add_eos = false;
  bool add_space_prefix = false, remove_extra_whitespaces = false;
  bool metaspace = false;  // kind gpt2: pieces are text with U+2581 for blanks, not byte-mapped
  bool strips_right =
      false;  // special tokens swallow the white space after them (Phi-3, by the model's name)
  std::string character_map;  // kind t5

  bool has(std::int32_t id, std::uint8_t bits) const {
    return (attributes[static_cast<std::size_t>(id)] & bits) != 0;
  }
};

/// Throws FormatError "SOURCE: ..." for kinds that are not supported, for contradicting arrays, and for what llama.cpp refuses.
GgufVocabulary read_gguf_vocabulary(const Metadata& metadata, const std::string& source);

/// llama.cpp's corrections of token types by the tokens' texts; part of read_gguf_vocabulary.
void set_attributes(GgufVocabulary& vocabulary, const Metadata& metadata);

}  // namespace pq
