#include "tokenizer/added_tokens.hpp"
#include "tokenizer/scored_bpe.hpp"
#include "tokenizer/tokenizer_engine.hpp"
#include "tokenizer/unicode.hpp"
#include "tokenizer/unigram.hpp"
#include "tokenizer/unigram_normalizer.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <algorithm>
#include <limits>
#include <optional>
#include <unordered_map>

namespace pq {
namespace {

using Type = SentencePieceModel::Type;
using Piece = SentencePieceModel::Piece;

// unigram_model.cc: what an unknown character costs beside the rarest piece, and the bonus of user-defined pieces.
constexpr float kUnknownPenalty = 10.0f;
constexpr float kUserDefinedMalus = 0.1f;

std::vector<std::string> user_defined(const SentencePieceModel& model) {
  std::vector<std::string> list;
  for (const Piece& piece : model.pieces)
    if (piece.type == Type::user_defined) list.push_back(piece.text);
  return list;
}

class Engine final : public TokenizerEngine {
 public:
  Engine(const SentencePieceModel& model, const TokenizerRules& rules, const std::string& source)
      : model_(model),
        normalizer_(CharacterMap(model.character_map, source), user_defined(model),
                    {model.add_dummy_prefix, model.remove_extra_whitespaces, model.escape_whitespaces}) {
    model_.character_map.clear();
    UnknownRule rule;
    std::fill(std::begin(rule.bytes), std::end(rule.bytes), -1);
    rule.fuse_unknown = true;
    for (std::size_t id = 0; id < model.pieces.size(); ++id) add_piece(static_cast<std::int32_t>(id), rule);
    facts_.unknown = rule.unknown;
    add_added(rules);
    make_model(rule, source);
    facts_.bos = special(rules.bos_token, "<s>");
    facts_.eos = special(rules.eos_token, "</s>");
    facts_.padding = special(rules.padding_token, "<pad>");
    facts_.adds_bos = rules.add_bos.value_or(false) && facts_.bos >= 0;
    facts_.adds_eos = rules.add_eos.value_or(false) && facts_.eos >= 0;
    facts_.leading_blank = model.add_dummy_prefix;
  }

  void encode(std::string_view text, const EncodeOptions& options, EncodeScratch& scratch,
              std::vector<std::int32_t>& ids) const override {
    if (options.add_special && facts_.adds_bos) ids.push_back(facts_.bos);
    const std::string valid = is_utf8(text) ? std::string() : valid_utf8(text);
    matcher_.split(
        valid.empty() ? text : valid,
        [&](std::string_view part, std::size_t) { encode_text(normalizer_.apply(part), scratch, ids); },
        [&](std::int64_t id) { ids.push_back(static_cast<std::int32_t>(id)); });
    if (options.add_special && facts_.adds_eos) ids.push_back(facts_.eos);
  }

  std::string token(std::int32_t id) const override {
    const auto place = static_cast<std::size_t>(id);
    if (place < model_.pieces.size()) return model_.pieces[place].text;
    const auto found = added_.find(id);
    return found == added_.end() ? std::string() : found->second.content;
  }

  void append_piece(std::int32_t id, bool skip_special, std::string& out) const override {
    if (const auto found = added_.find(id); found != added_.end()) {
      if (!found->second.special || !skip_special) out += found->second.content;
      return;
    }
    const auto place = static_cast<std::size_t>(id);
    if (place >= model_.pieces.size()) return;
    const Piece& piece = model_.pieces[place];
    if (piece.type == Type::byte && byte_of_piece(piece.text) >= 0)
      out += static_cast<char>(byte_of_piece(piece.text));
    else
      append_with_blanks(piece.text, out);
  }

 private:
  void add_piece(std::int32_t id, UnknownRule& rule) {
    const Piece& piece = model_.pieces[static_cast<std::size_t>(id)];
    ids_.emplace(piece.text, id);
    if (piece.type == Type::unknown) rule.unknown = id;
    if (piece.type == Type::byte && model_.byte_fallback)
      if (const int byte = byte_of_piece(piece.text); byte >= 0) rule.bytes[byte] = id;
    if (piece.type != Type::control && piece.type != Type::unknown) return;
    AddedToken token;
    token.id = id;
    token.content = piece.text;
    token.special = true;
    add_token(token);
  }

  void add_token(const AddedToken& token) {
    if (!added_.emplace(token.id, token).second) return;
    ids_.emplace(token.content, static_cast<std::int32_t>(token.id));
    matcher_.add(token, token.content);
  }

  void add_added(const TokenizerRules& rules) {
    facts_.size = static_cast<std::int32_t>(model_.pieces.size());
    for (const AddedToken& token : rules.added_tokens) {
      add_token(token);
      facts_.size = std::max(facts_.size, static_cast<std::int32_t>(token.id) + 1);
    }
  }

  void make_model(const UnknownRule& rule, const std::string& source) {
    if (model_.model_type == 2)
      make_bpe(rule);
    else if (model_.model_type == 1)
      make_unigram(rule);
    else
      throw FormatError(source + ": a SentencePiece model of type " + std::to_string(model_.model_type) +
                        " (3 word, 4 character) is not supported; known: 1 unigram, 2 BPE");
  }

  bool is_used(const Piece& piece) const {
    return piece.type == Type::normal || piece.type == Type::user_defined || piece.type == Type::unused;
  }

  void make_bpe(const UnknownRule& rule) {
    std::vector<ScoredPiece> pieces;
    for (std::size_t id = 0; id < model_.pieces.size(); ++id) {
      const Piece& piece = model_.pieces[id];
      if (is_used(piece))
        pieces.push_back(
            {piece.text, piece.score, static_cast<std::int32_t>(id), piece.type == Type::unused});
    }
    bpe_ = std::make_unique<const ScoredBpe>(pieces, rule);
  }

  void make_unigram(const UnknownRule& rule) {
    float lowest = std::numeric_limits<float>::max(), highest = std::numeric_limits<float>::lowest();
    for (const Piece& piece : model_.pieces)
      if (piece.type == Type::normal) {
        lowest = std::min(lowest, piece.score);
        highest = std::max(highest, piece.score);
      }
    std::vector<UnigramPiece> pieces;
    for (std::size_t id = 0; id < model_.pieces.size(); ++id) {
      const Piece& piece = model_.pieces[id];
      if (!is_used(piece) || piece.type == Type::unused) continue;
      const float bonus = static_cast<float>(piece.text.size()) * highest - kUserDefinedMalus;
      pieces.push_back({piece.text, static_cast<double>(piece.type == Type::normal ? piece.score : bonus),
                        static_cast<std::int32_t>(id)});
    }
    unigram_.emplace(pieces, static_cast<double>(lowest - kUnknownPenalty), true, rule);
  }

  void encode_text(std::string_view text, EncodeScratch& scratch, std::vector<std::int32_t>& ids) const {
    if (unigram_) return unigram_->encode(text, ids);
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = normalizer_.user_defined(text.substr(at));
      if (size == 0) {
        at += std::min(sequence_bytes(text[at]), text.size() - at);
        continue;
      }
      bpe_->encode(text.substr(done, at - done), scratch.merge, ids);
      ids.push_back(ids_.at(std::string(text.substr(at, size))));
      done = at += size;
    }
    bpe_->encode(text.substr(done), scratch.merge, ids);
  }

  std::int32_t special(const std::string& name, const char* fallback) const {
    const auto found = ids_.find(name.empty() ? fallback : name);
    return found == ids_.end() ? -1 : found->second;
  }

  SentencePieceModel model_;
  SentencePieceNormalizer normalizer_;
  std::unordered_map<std::string, std::int32_t> ids_;
  std::unordered_map<std::int64_t, AddedToken> added_;
  AddedTokenMatcher matcher_;
  std::unique_ptr<const ScoredBpe> bpe_;
  std::optional<Unigram> unigram_;
};

}  // namespace

std::unique_ptr<const TokenizerEngine> make_sentencepiece_engine(const SentencePieceModel& model,
                                                                 const TokenizerRules& rules,
                                                                 const std::string& source) {
  return std::make_unique<Engine>(model, rules, source);
}

}  // namespace pq
