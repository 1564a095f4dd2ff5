#include "tokenizer/scored_bpe.hpp"

#include "tokenizer/unicode.hpp"
#include "tokenizer/word_cuts.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace pq {
namespace {

constexpr std::size_t kLongestText = std::size_t{1} << 30;

}  // namespace

struct ScoredBpe::Impl {
  PieceTable pieces;                // text -> place in ids
  std::vector<std::int32_t> ids;    // of the vocabulary
  std::vector<std::int32_t> ranks;  // 0 = highest score; equal scores have equal ranks
  std::vector<bool> unused;
  bool has_unused = false;
  UnknownRule rule;
  WordCuts cuts;
  bool can_cut = false;

  void add_pieces(std::span<const ScoredPiece> list) {
    std::size_t bytes = 0;
    for (const ScoredPiece& piece : list) bytes += piece.text.size();
    pieces.reserve(list.size(), bytes);
    std::vector<float> scores;
    for (const ScoredPiece& piece : list) {
      const auto place = static_cast<std::int32_t>(ids.size());
      if (pieces.add(piece.text, place) != place) continue;  // of two equal pieces the first counts
      ids.push_back(piece.id);
      unused.push_back(piece.unused);
      has_unused = has_unused || piece.unused;
      scores.push_back(std::isnan(piece.score) ? -std::numeric_limits<float>::infinity() : piece.score);
      cuts.learn(piece.text);
    }
    std::vector<float> sorted = scores;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    for (const float score : scores)
      ranks.push_back(static_cast<std::int32_t>(
          std::lower_bound(sorted.begin(), sorted.end(), score, std::greater<>()) - sorted.begin()));
    can_cut = pieces.find("\xE2\x96\x81") >= 0;
  }

  // An unused piece falls apart into what it was last joined from (SentencePiece, bpe_model.cc).
  struct Split {
    std::string_view whole;
    std::size_t left_size;
  };

  void emit(std::string_view text, std::int32_t place, const std::vector<Split>& splits,
            std::vector<std::int32_t>& out, bool& after_unknown) const {
    if (place >= 0 && unused[static_cast<std::size_t>(place)]) {
      const auto found = std::find_if(splits.rbegin(), splits.rend(),
                                      [&](const Split& split) { return split.whole == text; });
      if (found != splits.rend()) {
        const std::string_view left = text.substr(0, found->left_size), right = text.substr(found->left_size);
        emit(left, pieces.find(left), splits, out, after_unknown);
        emit(right, pieces.find(right), splits, out, after_unknown);
        return;
      }
    }
    if (place >= 0) {
      out.push_back(ids[static_cast<std::size_t>(place)]);
      after_unknown = false;
    } else {
      emit_unknown(text, out, after_unknown);
    }
  }

  void emit_unknown(std::string_view text, std::vector<std::int32_t>& out, bool& after_unknown) const {
    const bool spelt = std::all_of(text.begin(), text.end(),
                                   [&](char c) { return rule.bytes[static_cast<unsigned char>(c)] >= 0; });
    if (spelt)
      for (const char c : text) out.push_back(rule.bytes[static_cast<unsigned char>(c)]);
    else if (rule.unknown >= 0 && !(rule.fuse_unknown && after_unknown))
      out.push_back(rule.unknown);
    after_unknown = !spelt;
  }

  void encode_part(std::string_view part, MergeScratch& scratch, std::vector<std::int32_t>& out,
                   bool& after_unknown) const {
    // After an unknown character the next part's ids could depend on it.
    const bool remembered = part.size() <= WordCache::kLongestWord && !after_unknown;
    if (remembered && scratch.cache.find(part, out)) return;
    const std::size_t first_id = out.size();
    scratch.symbols.clear();
    for (std::size_t at = 0; at < part.size();) {
      const std::size_t size = std::min(sequence_bytes(part[at]), part.size() - at);
      scratch.symbols.push_back({pieces.find(part.substr(at, size)), static_cast<std::uint32_t>(at),
                                 static_cast<std::uint32_t>(size)});
      at += size;
    }
    std::vector<Split> splits;
    merge_symbols(scratch, [&](const Symbol& left, const Symbol& right) -> Join {
      const std::string_view whole = part.substr(left.begin, left.size + right.size);
      const std::int32_t place = pieces.find(whole);
      if (place < 0) return {};
      if (has_unused && unused[static_cast<std::size_t>(place)]) splits.push_back({whole, left.size});
      return {ranks[static_cast<std::size_t>(place)], place};
    });
    for (const Symbol& symbol : scratch.symbols)
      emit(part.substr(symbol.begin, symbol.size), symbol.id, splits, out, after_unknown);
    if (remembered && !after_unknown) scratch.cache.add(part, std::span(out).subspan(first_id));
  }
};

ScoredBpe::ScoredBpe(std::span<const ScoredPiece> pieces, const UnknownRule& rule) {
  auto impl = std::make_unique<Impl>();
  impl->rule = rule;
  impl->add_pieces(pieces);
  impl_ = std::move(impl);
}

ScoredBpe::~ScoredBpe() = default;

void ScoredBpe::encode(std::string_view text, MergeScratch& scratch, std::vector<std::int32_t>& ids) const {
  if (text.size() > kLongestText)
    throw ResourceError("a text of more than 1 GiB cannot be tokenized at once; cut it");
  bool after_unknown = false;
  while (!text.empty()) {
    const std::size_t size = impl_->can_cut ? impl_->cuts.next(text) : text.size();
    impl_->encode_part(text.substr(0, size), scratch, ids, after_unknown);
    text.remove_prefix(size);
  }
}

}  // namespace pq
