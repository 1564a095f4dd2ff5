#include "tokenizer/added_tokens.hpp"
#include "tokenizer/bpe.hpp"
#include "tokenizer/piece_decoder.hpp"
#include "tokenizer/post_processor.hpp"
#include "tokenizer/tokenizer_engine.hpp"
#include "tokenizer/unicode.hpp"
#include "tokenizer/unigram.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace pq {
namespace {

constexpr std::size_t kMostGaps = 1'000'000;
constexpr double kUnknownPenalty = 10.0;  // tokenizers, models/unigram/model.rs

class Engine final : public TokenizerEngine {
 public:
  Engine(const TokenizerJson& file, const TokenizerRules& rules)
      : decoder_(file.rest.find("decoder")),
        normalizer_(make_normalizer(file.rest.find("normalizer"), file.source)),
        around_(read_post_processor(file.rest.find("post_processor"), file.source)) {
    add_tokens(file);
    const std::string type = file.model_type();
    if (type != "BPE" && type != "Unigram")
      throw FormatError(file.source + ": the tokenizer model '" + type +
                        "' is not supported; known: BPE, Unigram");
    bool bytes = false;
    pre_tokenizer_ =
        make_pre_tokenizer(file.rest.find("pre_tokenizer"), file.source, type == "BPE" ? &bytes : nullptr);
    if (type == "BPE")
      make_bpe(file, bytes);
    else
      make_unigram(file);
    for (const auto* list : {&around_.before, &around_.after})
      for (const std::int32_t id : *list)
        if (id >= facts_.size)
          throw FormatError(file.source + ": the post-processor adds the token " + std::to_string(id) +
                            ", but ids end at " + std::to_string(facts_.size - 1));
    apply(rules);
  }

  void encode(std::string_view text, const EncodeOptions& options, EncodeScratch& scratch,
              std::vector<std::int32_t>& ids) const override {
    if (options.add_special) ids = around_.before;
    if (is_utf8(text))
      encode_text(text, scratch, ids);
    else
      encode_text(valid_utf8(text), scratch, ids);
    if (options.add_special) ids.insert(ids.end(), around_.after.begin(), around_.after.end());
  }

  std::string token(std::int32_t id) const override { return tokens_[static_cast<std::size_t>(id)]; }

  void append_piece(std::int32_t id, bool skip_special, std::string& out) const override {
    const auto added = added_.find(id);
    if (added == added_.end())
      decoder_.append(tokens_[static_cast<std::size_t>(id)], out);
    else if (!added->second || !skip_special)
      out += tokens_[static_cast<std::size_t>(id)];
  }

 private:
  void add_tokens(const TokenizerJson& file) {
    std::int64_t size = 0;
    for (const auto& entry : file.vocab) size = std::max(size, entry.second + 1);
    for (const AddedToken& token : file.added_tokens) size = std::max(size, token.id + 1);
    // Ids may have gaps, but a small file cannot ask for much memory.
    const std::size_t count = file.vocab.size() + file.added_tokens.size();
    if (size > static_cast<std::int64_t>(16 * count + kMostGaps))
      throw FormatError(file.source + ": ids go up to " + std::to_string(size - 1) + ", but there are only " +
                        std::to_string(count) + " tokens");
    facts_.size = static_cast<std::int32_t>(size);
    tokens_.resize(static_cast<std::size_t>(size));
    for (const auto& [piece, id] : file.vocab) tokens_[static_cast<std::size_t>(id)] = piece;
    for (const AddedToken& token : file.added_tokens) {
      tokens_[static_cast<std::size_t>(token.id)] = token.content;
      added_[static_cast<std::int32_t>(token.id)] = token.special;
      if (token.normalized)
        after_normalizing_.add(token, normalizer_ ? normalizer_->apply(token.content) : token.content);
      else
        raw_.add(token, token.content);
    }
  }

  void make_bpe(const TokenizerJson& file, bool bytes) {
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      const Json* value = file.rest.find_path(std::string("model.") + key);
      if (value != nullptr && value->is_string() && !value->string().empty())
        throw FormatError(file.source + ": '" + key + "' of the BPE model is not supported");
    }
    BpeParts parts;
    parts.vocab = file.vocab;
    parts.merges = file.merges;
    parts.source = file.source;
    parts.bytes = bytes;
    parts.byte_fallback = file.model_flag("byte_fallback");
    parts.ignore_merges = file.model_flag("ignore_merges");
    parts.fuse_unknown = file.model_flag("fuse_unk");
    if (const Json* unknown = file.rest.find_path("model.unk_token");
        unknown != nullptr && unknown->is_string())
      parts.unknown = id_of(unknown->string());
    facts_.unknown = parts.unknown;
    bpe_ = std::make_unique<const Bpe>(parts);
  }

  void make_unigram(const TokenizerJson& file) {
    if (file.vocab.empty()) throw FormatError(file.source + ": the Unigram model has no pieces");
    UnknownRule rule;
    rule.fuse_unknown = true;
    std::unordered_map<std::string_view, std::int32_t> ids;
    std::vector<UnigramPiece> pieces;
    double lowest = file.scores[0];
    for (std::size_t i = 0; i < file.vocab.size(); ++i) {
      const auto id = static_cast<std::int32_t>(i);
      ids[file.vocab[i].first] = id;
      pieces.push_back({file.vocab[i].first, file.scores[i], id});
      lowest = std::min(lowest, file.scores[i]);
    }
    for (int byte = 0; byte < 256; ++byte) {
      const auto found = ids.find(piece_of_byte(byte));
      rule.bytes[byte] = file.model_flag("byte_fallback") && found != ids.end() ? found->second : -1;
    }
    const Json* unknown = file.rest.find_path("model.unk_id");
    if (unknown != nullptr && unknown->is_integer() && unknown->integer() >= 0 &&
        unknown->integer() < facts_.size)
      rule.unknown = static_cast<std::int32_t>(unknown->integer());
    facts_.unknown = rule.unknown;
    unigram_.emplace(pieces, lowest - kUnknownPenalty, false, rule);
  }

  std::int32_t id_of(const std::string& text) const {
    const auto found = std::find(tokens_.begin(), tokens_.end(), text);
    return text.empty() || found == tokens_.end() ? -1 : static_cast<std::int32_t>(found - tokens_.begin());
  }

  // transformers builds the template of some classes from add_bos_token and add_eos_token anew.
  void apply(const TokenizerRules& rules) {
    facts_.bos = id_of(rules.bos_token);
    facts_.eos = id_of(rules.eos_token);
    facts_.padding = id_of(rules.padding_token);
    if (facts_.unknown < 0) facts_.unknown = id_of(rules.unknown_token);
    const auto set = [](std::vector<std::int32_t>& list, std::optional<bool> adds, std::int32_t id) {
      if (!adds) return;
      list.clear();
      if (*adds && id >= 0) list.push_back(id);
    };
    set(around_.before, rules.add_bos, facts_.bos);
    set(around_.after, rules.add_eos, facts_.eos);
    facts_.adds_bos = !around_.before.empty();
    facts_.adds_eos = !around_.after.empty();
    if (facts_.bos < 0 && facts_.adds_bos) facts_.bos = around_.before.front();
    if (facts_.eos < 0 && facts_.adds_eos) facts_.eos = around_.after.back();
    facts_.leading_blank = decoder_.strips_blank();
  }

  void encode_part(std::string_view text, bool at_start, EncodeScratch& scratch,
                   std::vector<std::int32_t>& ids) const {
    scratch.words.clear();
    if (pre_tokenizer_)
      pre_tokenizer_->apply({text, at_start}, scratch.words, scratch.pool);
    else
      scratch.words.push_back({text, at_start});
    for (const Word& word : scratch.words) {
      if (word.text.empty()) continue;
      if (bpe_)
        bpe_->encode(word.text, scratch.merge, ids);
      else
        unigram_->encode(word.text, ids);
    }
    scratch.pool.clear();
  }

  void encode_text(std::string_view text, EncodeScratch& scratch, std::vector<std::int32_t>& ids) const {
    const auto push = [&](std::int64_t id) { ids.push_back(static_cast<std::int32_t>(id)); };
    const auto encode_normal = [&](std::string_view piece, std::size_t begin) {
      after_normalizing_.split(
          piece,
          [&](std::string_view part, std::size_t offset) {
            encode_part(part, begin == 0 && offset == 0, scratch, ids);
          },
          push);
    };
    raw_.split(
        text,
        [&](std::string_view piece, std::size_t begin) {
          if (normalizer_)
            encode_normal(normalizer_->apply(std::string(piece)), begin);
          else
            encode_normal(piece, begin);
        },
        push);
  }

  std::vector<std::string> tokens_;
  std::unordered_map<std::int32_t, bool> added_;  // -> is it special
  PieceDecoder decoder_;
  std::unique_ptr<const Normalizer> normalizer_;
  std::unique_ptr<const PreTokenizer> pre_tokenizer_;
  std::unique_ptr<const Bpe> bpe_;
  std::optional<Unigram> unigram_;
  AddedTokenMatcher raw_, after_normalizing_;
  AroundText around_;
};

}  // namespace

std::unique_ptr<const TokenizerEngine> make_huggingface_engine(const TokenizerJson& file,
                                                               const TokenizerRules& rules) {
  return std::make_unique<Engine>(file, rules);
}

}  // namespace pq
