// llama.cpp's splitters of byte-level texts (tokenizer.ggml.pre), its approximations of the expressions in tokenizer.json included.
#pragma once

#include "tokenizer/pre_tokenizer.hpp"
#include "tokenizer/regex.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

/// What a value of tokenizer.ggml.pre means.
struct GgufPreTokenizer {
  /// An expression, or a rule of llama.cpp that is none: digits in groups of three from their end; an expression on classes with Han and HanL.
  enum class Rule { regex, digits_in_threes, han_classes };
  struct Step {
    Rule rule = Rule::regex;
    std::string pattern;
  };
  std::vector<Step> steps;
  bool ignore_merges = false;
  bool add_bos = false;          // unless the file says otherwise
  bool always_bos = false;       // whatever the file says
  bool default_bos = true;       // a token is BOS although the file names none
  bool merges_optional = false;  // the file may have none
  bool metaspace = false;        // no byte map; blanks are U+2581, runs of line ends are words
};
/// Nothing if the name is unknown.
std::optional<GgufPreTokenizer> gguf_pre_tokenizer(const std::string& name);

/// Immutable, callable from any thread.
class GgufSplitter {
 public:
  explicit GgufSplitter(const GgufPreTokenizer& rules);
  /// Appends the words of `text`, which is valid UTF-8.
  void split(std::string_view text, std::vector<Word>& words) const;

 private:
  enum class Mode { classes, wide, digits };
  struct Step {
    Mode mode;
    std::optional<Regex> regex;
  };
  struct Text;
  static std::vector<std::uint32_t> cut(const Step& step, const Text& text,
                                        const std::vector<std::uint32_t>& ends);

  std::vector<Step> steps_;
  bool han_ = false, needs_wide_ = false;
};

}  // namespace pq
