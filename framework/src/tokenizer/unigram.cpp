#include "tokenizer/unigram.hpp"

#include "tokenizer/unicode.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>

namespace pq {
namespace {

constexpr std::size_t kLongestText = std::size_t{64} << 20;  // 16 bytes of memory per byte

}  // namespace

Unigram::Unigram(std::span<const UnigramPiece> pieces, double unknown_score, bool single_precision,
                 const UnknownRule& rule)
    : unknown_score_(unknown_score), single_precision_(single_precision), rule_(rule) {
  std::int32_t nodes = 1;
  for (const UnigramPiece& piece : pieces) {
    if (piece.text.empty()) continue;
    std::int32_t node = 0;
    for (std::size_t i = 0; i < piece.text.size(); ++i) {
      const std::int32_t byte = static_cast<unsigned char>(piece.text[i]);
      Join child = trie_.find(node, byte);
      if (child.id < 0) child.id = nodes++;
      if (i + 1 == piece.text.size())
        child.rank = static_cast<std::int32_t>(ids_.size());  // the last of equal pieces
      trie_.add(node, byte, child, true);
      node = child.id;
    }
    ids_.push_back(piece.id);
    scores_.push_back(piece.score);
  }
}

// Of equal paths the one found first wins.
void Unigram::offer(Node& node, double score, std::size_t start, std::int32_t id) const {
  if (single_precision_) score = static_cast<double>(static_cast<float>(score));
  if (node.start != kNone && !(score > node.score)) return;
  node = {score, static_cast<std::uint32_t>(start), id};
}

void Unigram::encode(std::string_view text, std::vector<std::int32_t>& ids) const {
  if (text.size() > kLongestText)
    throw ResourceError("a text of more than 64 MiB cannot be tokenized at once by a Unigram model; cut it");
  std::vector<Node> best(text.size() + 1);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t character = std::min(sequence_bytes(text[at]), text.size() - at);
    bool known = false;
    std::int32_t node = 0;
    for (std::size_t end = at; end < text.size();) {
      const Join child = trie_.find(node, static_cast<unsigned char>(text[end++]));
      if (child.id < 0) break;
      node = child.id;
      if (child.rank < 0) continue;
      const auto place = static_cast<std::size_t>(child.rank);
      offer(best[end], best[at].score + scores_[place], at, ids_[place]);
      known = known || end - at == character;
    }
    if (!known) offer(best[at + character], best[at].score + unknown_score_, at, -1);
    at += character;
  }
  std::vector<std::pair<std::size_t, std::size_t>> path;
  for (std::size_t end = text.size(); end > 0; end = best[end].start) path.emplace_back(best[end].start, end);
  bool after_unknown = false;
  for (auto part = path.rbegin(); part != path.rend(); ++part) {
    const std::string_view piece = text.substr(part->first, part->second - part->first);
    const std::int32_t id = best[part->second].id;
    const bool spelt = id < 0 && std::all_of(piece.begin(), piece.end(), [&](char c) {
                         return rule_.bytes[static_cast<unsigned char>(c)] >= 0;
                       });
    if (id >= 0)
      ids.push_back(id);
    else if (spelt)
      for (const char c : piece) ids.push_back(rule_.bytes[static_cast<unsigned char>(c)]);
    else if (rule_.unknown >= 0 && !(rule_.fuse_unknown && after_unknown))
      ids.push_back(rule_.unknown);
    after_unknown = id < 0 && !spelt;
  }
}

}  // namespace pq
