#include "tokenizer/gguf_specials.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <queue>

namespace pq {
namespace {

bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

GgufSpecials::GgufSpecials(const GgufVocabulary& vocabulary) {
  constexpr auto kControl = GgufVocabulary::control | GgufVocabulary::unknown;
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const auto id = static_cast<std::int32_t>(i);
    const std::string& text = vocabulary.tokens[i];
    if (!vocabulary.has(id, kControl | GgufVocabulary::user_defined)) continue;
    const bool strips =
        vocabulary.strips_right && text != "<unk>" && text != "<s>" && text != "<|endoftext|>";
    specials_.push_back({id, static_cast<std::uint32_t>(text.size()), vocabulary.has(id, kControl), strips});
  }
  std::stable_sort(specials_.begin(), specials_.end(),
                   [](const Special& a, const Special& b) { return a.size > b.size; });
  nodes_.resize(1);
  std::vector<std::pair<std::int32_t, char>> parents(1);  // of each node, and the byte between
  for (std::size_t place = 0; place < specials_.size(); ++place) {
    const std::string& text = vocabulary.tokens[static_cast<std::size_t>(specials_[place].id)];
    if (!text.empty()) is_last_[static_cast<unsigned char>(text.back())] = true;
    std::int32_t node = 0;
    for (std::size_t i = text.size(); i-- > 0;) {
      const auto byte = static_cast<unsigned char>(text[i]);
      Join child = trie_.find(node, byte);
      if (child.id < 0) {
        child.id = static_cast<std::int32_t>(nodes_.size());
        nodes_.emplace_back();
        parents.emplace_back(node, text[i]);
        trie_.add(node, byte, child, true);
      }
      node = child.id;
    }
    if (node != 0) nodes_[static_cast<std::size_t>(node)].special = static_cast<std::int32_t>(place);
  }
  link(parents);
}

// Short texts first: what a node falls back to is shorter than itself.
void GgufSpecials::link(const std::vector<std::pair<std::int32_t, char>>& parents) {
  std::vector<std::uint32_t> depth(nodes_.size(), 0), order(nodes_.size());
  for (std::size_t i = 1; i < nodes_.size(); ++i)
    depth[i] = depth[static_cast<std::size_t>(parents[i].first)] + 1;
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return depth[a] < depth[b]; });
  for (const std::uint32_t i : order) {
    if (i == 0) continue;
    Node& node = nodes_[i];
    const auto [parent, byte] = parents[i];
    if (parent != 0) node.shorter = next(nodes_[static_cast<std::size_t>(parent)].shorter, byte);
    const Node& shorter = nodes_[static_cast<std::size_t>(node.shorter)];
    const auto self = static_cast<std::int32_t>(i);
    node.any = node.special >= 0 ? self : shorter.any;
    const bool is_user_defined =
        node.special >= 0 && !specials_[static_cast<std::size_t>(node.special)].control;
    node.user_defined = is_user_defined ? self : shorter.user_defined;
  }
}

// The longest text of the trie that ends with what `node` is and, in front of it, `byte`.
std::int32_t GgufSpecials::next(std::int32_t node, char byte) const noexcept {
  while (true) {
    const Join child = trie_.find(node, static_cast<unsigned char>(byte));
    if (child.id >= 0) return child.id;
    if (node == 0) return 0;
    node = nodes_[static_cast<std::size_t>(node)].shorter;
  }
}

std::int32_t GgufSpecials::found_at(std::int32_t node, bool parse_special) const noexcept {
  const Node& at = nodes_[static_cast<std::size_t>(node)];
  return parse_special ? at.any : at.user_defined;
}

std::vector<TextPart> GgufSpecials::split(std::string_view text, bool parse_special) const {
  // One place for each begin: the longest token there, or, where that is no longer free, the longest that fits.
  const auto later = [](const Place& a, const Place& b) {
    return a.special != b.special ? a.special > b.special : a.begin > b.begin;
  };
  std::priority_queue<Place, std::vector<Place>, decltype(later)> places(later);
  // The longest token that begins at `begin` and ends at `limit` or before, of those that `node` begins with.
  const auto push = [&](std::int32_t node, std::size_t begin, std::size_t limit) {
    for (node = found_at(node, parse_special); node >= 0;) {
      const Node& token = nodes_[static_cast<std::size_t>(node)];
      const auto special = static_cast<std::uint32_t>(token.special);
      const std::size_t end = begin + specials_[special].size;
      if (end <= limit) return places.push({special, begin, end, node});
      node = found_at(token.shorter, parse_special);
    }
  };
  std::int32_t node = 0;
  for (std::size_t at = text.size(); at-- > 0;) {
    if (node == 0 && !is_last_[static_cast<unsigned char>(text[at])]) continue;
    node = next(node, text[at]);
    push(node, at, text.size());
  }
  std::map<std::size_t, Place> taken;  // by where they begin; `end` includes stripped white space
  for (; !places.empty();) {
    Place place = places.top();
    places.pop();
    const auto next = taken.lower_bound(place.begin);
    const std::size_t limit = next == taken.end() ? text.size() : next->first;
    if (limit == place.begin || (next != taken.begin() && std::prev(next)->second.end > place.begin))
      continue;
    if (place.end > limit) {
      push(place.node, place.begin, limit);
      continue;
    }
    if (specials_[place.special].strips_right)
      while (place.end < limit && is_ascii_space(text[place.end])) ++place.end;
    taken.emplace(place.begin, place);
  }
  std::vector<TextPart> parts;
  std::size_t done = 0;
  for (const auto& [begin, place] : taken) {
    if (begin > done) parts.push_back({text.substr(done, begin - done), -1});
    parts.push_back({{}, specials_[place.special].id});
    done = place.end;
  }
  if (done < text.size()) parts.push_back({text.substr(done), -1});
  return parts;
}

}  // namespace pq
