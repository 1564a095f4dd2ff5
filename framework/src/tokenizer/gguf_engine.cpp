#include "tokenizer/bpe.hpp"
#include "tokenizer/character_map.hpp"
#include "tokenizer/gguf_specials.hpp"
#include "tokenizer/gguf_splitter.hpp"
#include "tokenizer/scored_bpe.hpp"
#include "tokenizer/tokenizer_engine.hpp"
#include "tokenizer/unicode.hpp"
#include "tokenizer/unigram.hpp"
#include "tokenizer/unigram_normalizer.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <algorithm>
#include <limits>

namespace pq {
namespace {

// What surrounds the text, and special tokens inside it.
class GgufEngine : public TokenizerEngine {
 public:
  explicit GgufEngine(const GgufVocabulary& vocabulary)
      : tokens_(vocabulary.tokens), attributes_(vocabulary.attributes), specials_(vocabulary) {
    facts_ = {static_cast<std::int32_t>(tokens_.size()),
              vocabulary.bos,
              vocabulary.eos,
              vocabulary.unknown_id,
              vocabulary.padding,
              vocabulary.add_bos,
              vocabulary.add_eos,
              vocabulary.add_space_prefix};
  }

  void encode(std::string_view text, const EncodeOptions& options, EncodeScratch& scratch,
              std::vector<std::int32_t>& ids) const override {
    if (options.add_special && facts_.adds_bos) ids.push_back(facts_.bos);
    bool after_special = true;
    for (const TextPart& part : specials_.split(text, options.parse_special)) {
      if (part.token >= 0)
        ids.push_back(part.token);
      else
        encode_text(part.text, after_special, scratch, ids);
      after_special = part.token >= 0;
    }
    if (options.add_special && facts_.adds_eos) ids.push_back(facts_.eos);
  }

  std::string token(std::int32_t id) const override { return tokens_[static_cast<std::size_t>(id)]; }

  void append_piece(std::int32_t id, bool skip_special, std::string& out) const override {
    const auto place = static_cast<std::size_t>(id);
    const std::uint8_t attributes = attributes_[place];
    const bool special = (attributes & (GgufVocabulary::control | GgufVocabulary::unknown)) != 0;
    if (special || (attributes & GgufVocabulary::user_defined) != 0) {
      if (!special || !skip_special) out += tokens_[place];
    } else if ((attributes & GgufVocabulary::byte) != 0) {
      if (const int byte = byte_of_piece(tokens_[place]); byte >= 0) out += static_cast<char>(byte);
    } else if ((attributes & GgufVocabulary::normal) != 0) {
      append_text(tokens_[place], out);
    }
  }

 protected:
  virtual void encode_text(std::string_view text, bool after_special, EncodeScratch& scratch,
                           std::vector<std::int32_t>& ids) const = 0;
  virtual void append_text(std::string_view token, std::string& out) const { append_with_blanks(token, out); }

 private:
  std::vector<std::string> tokens_;
  std::vector<std::uint8_t> attributes_;
  GgufSpecials specials_;
};

// Kind "gpt2": words by a splitter, then merges.
class BpeEngine final : public GgufEngine {
 public:
  BpeEngine(const GgufVocabulary& vocabulary, const GgufPreTokenizer& rules)
      : GgufEngine(vocabulary), splitter_(rules), metaspace_(rules.metaspace) {
    std::vector<std::pair<std::string, std::int64_t>> vocab;
    for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
      vocab.emplace_back(vocabulary.tokens[id], static_cast<std::int64_t>(id));
    std::vector<Merge> merges;
    merges.reserve(vocabulary.merges.size());
    for (const std::string& text : vocabulary.merges) {
      const std::size_t blank = text.find(' ', 1);
      if (blank == std::string::npos) continue;
      merges.push_back({text.substr(0, blank) + text.substr(blank + 1), static_cast<std::uint32_t>(blank)});
    }
    BpeParts parts;
    parts.vocab = vocab;
    parts.merges = merges;
    parts.source = vocabulary.source;
    parts.bytes = !metaspace_;
    parts.byte_fallback = metaspace_;
    parts.ignore_merges = rules.ignore_merges;
    parts.llama_cpp = true;
    bpe_ = std::make_unique<const Bpe>(parts);
  }

 private:
  void encode_text(std::string_view raw, bool, EncodeScratch& scratch,
                   std::vector<std::int32_t>& ids) const override {
    std::string valid, marked;
    std::string_view text = raw;
    if (!is_utf8(text)) {
      valid = valid_utf8(text);
      text = valid;
    }
    if (metaspace_) {
      marked = marked_blanks(text, false);
      text = marked;
    }
    scratch.words.clear();
    splitter_.split(text, scratch.words);
    for (const Word& word : scratch.words) {
      const bool line_ends = metaspace_ && word.text.find_first_not_of('\n') == word.text.npos;
      if (const std::int32_t id = line_ends ? bpe_->id_of(word.text) : -1; id >= 0)
        ids.push_back(id);
      else
        bpe_->encode(word.text, scratch.merge, ids);
    }
  }

  void append_text(std::string_view token, std::string& out) const override {
    if (metaspace_)
      append_with_blanks(token, out);
    else
      out += byte_unmapped(token);
  }

  GgufSplitter splitter_;
  bool metaspace_;
  std::unique_ptr<const Bpe> bpe_;
};

UnknownRule unknown_rule(const GgufVocabulary& vocabulary, bool bytes) {
  UnknownRule rule;
  std::fill(std::begin(rule.bytes), std::end(rule.bytes), -1);
  rule.unknown = vocabulary.unknown_id;
  for (std::size_t id = 0; bytes && id < vocabulary.tokens.size(); ++id)
    if (const int byte = byte_of_piece(vocabulary.tokens[id]); byte >= 0)
      rule.bytes[byte] = static_cast<std::int32_t>(id);
  for (std::size_t id = 0; bytes && id < vocabulary.tokens.size(); ++id)  // else the byte itself
    if (const std::string& token = vocabulary.tokens[id]; token.size() == 1) {
      std::int32_t& entry = rule.bytes[static_cast<unsigned char>(token[0])];
      if (entry < 0) entry = static_cast<std::int32_t>(id);
    }
  return rule;
}

// Kind "llama": no words, merges by score.
class LlamaEngine final : public GgufEngine {
 public:
  explicit LlamaEngine(const GgufVocabulary& vocabulary) : GgufEngine(vocabulary) {
    std::vector<ScoredPiece> pieces;
    for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
      pieces.push_back({vocabulary.tokens[id], vocabulary.scores[id], static_cast<std::int32_t>(id)});
    bpe_ = std::make_unique<const ScoredBpe>(pieces, unknown_rule(vocabulary, true));
  }

 private:
  void encode_text(std::string_view text, bool after_special, EncodeScratch& scratch,
                   std::vector<std::int32_t>& ids) const override {
    const bool blank = facts_.leading_blank && after_special;
    bpe_->encode(marked_blanks(text, blank), scratch.merge, ids);
  }

  std::unique_ptr<const ScoredBpe> bpe_;
};

// Kind "t5": the best cut of a normalized text.
class T5Engine final : public GgufEngine {
 public:
  explicit T5Engine(const GgufVocabulary& vocabulary)
      : GgufEngine(vocabulary),
        normalizer_(CharacterMap(vocabulary.character_map, vocabulary.source), user_defined(vocabulary),
                    {vocabulary.add_space_prefix, vocabulary.remove_extra_whitespaces}) {
    std::vector<UnigramPiece> pieces;
    float lowest = std::numeric_limits<float>::max();
    for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
      const std::uint8_t type = vocabulary.types[id];
      if ((type & (GgufVocabulary::normal | GgufVocabulary::user_defined | GgufVocabulary::unused)) == 0)
        continue;
      if ((type & GgufVocabulary::normal) != 0) lowest = std::min(lowest, vocabulary.scores[id]);
      const bool user_defined = (type & GgufVocabulary::user_defined) != 0;
      pieces.push_back({vocabulary.tokens[id],
                        user_defined ? 0.0 : static_cast<double>(vocabulary.scores[id]),
                        static_cast<std::int32_t>(id)});
    }
    UnknownRule rule = unknown_rule(vocabulary, false);
    rule.fuse_unknown = true;
    unigram_.emplace(pieces, static_cast<double>(lowest - 10.0f), false, rule);
  }

 private:
  static std::vector<std::string> user_defined(const GgufVocabulary& vocabulary) {
    std::vector<std::string> list;
    for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
      if ((vocabulary.types[id] & GgufVocabulary::user_defined) != 0) list.push_back(vocabulary.tokens[id]);
    return list;
  }

  void encode_text(std::string_view text, bool, EncodeScratch&,
                   std::vector<std::int32_t>& ids) const override {
    unigram_->encode(normalizer_.apply(text), ids);
  }

  UnigramNormalizer normalizer_;
  std::optional<Unigram> unigram_;
};

}  // namespace

std::unique_ptr<const TokenizerEngine> make_gguf_engine(const GgufVocabulary& vocabulary) {
  if (vocabulary.kind == GgufVocabulary::Kind::llama) return std::make_unique<LlamaEngine>(vocabulary);
  if (vocabulary.kind == GgufVocabulary::Kind::t5) return std::make_unique<T5Engine>(vocabulary);
  const auto rules = gguf_pre_tokenizer(vocabulary.pre);
  if (!rules)
    throw FormatError(vocabulary.source + ": the pre-tokenizer '" + vocabulary.pre + "' is not known");
  return std::make_unique<BpeEngine>(vocabulary, *rules);
}

}  // namespace pq
