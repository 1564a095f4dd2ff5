#include "tokenizer/gguf_specials.hpp"

#include <algorithm>
#include <map>
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
  std::int32_t nodes = 1;
  for (std::size_t place = 0; place < specials_.size(); ++place) {
    const std::string& text = vocabulary.tokens[static_cast<std::size_t>(specials_[place].id)];
    starts_[static_cast<unsigned char>(text[0])] = true;
    std::int32_t node = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const std::int32_t byte = static_cast<unsigned char>(text[i]);
      Join child = trie_.find(node, byte);
      if (child.id < 0) child.id = nodes++;
      if (i + 1 == text.size()) child.rank = static_cast<std::int32_t>(place);
      trie_.add(node, byte, child, true);
      node = child.id;
    }
  }
}

std::optional<GgufSpecials::Place> GgufSpecials::longest(std::string_view text, std::size_t begin,
                                                         bool parse_special) const {
  std::optional<Place> found;
  std::int32_t node = 0;
  for (std::size_t end = begin; end < text.size();) {
    const Join child = trie_.find(node, static_cast<unsigned char>(text[end++]));
    if (child.id < 0) break;
    node = child.id;
    if (child.rank >= 0 && (parse_special || !specials_[static_cast<std::size_t>(child.rank)].control))
      found = Place{static_cast<std::uint32_t>(child.rank), begin, end};
  }
  return found;
}

std::vector<TextPart> GgufSpecials::split(std::string_view text, bool parse_special) const {
  // One place for each begin: the longest token there, or, where that is no longer free, the longest that fits.
  const auto later = [](const Place& a, const Place& b) {
    return a.special != b.special ? a.special > b.special : a.begin > b.begin;
  };
  std::priority_queue<Place, std::vector<Place>, decltype(later)> places(later);
  for (std::size_t at = 0; at < text.size(); ++at)
    if (starts_[static_cast<unsigned char>(text[at])])
      if (const auto place = longest(text, at, parse_special)) places.push(*place);
  std::map<std::size_t, Place> taken;  // by where they begin; `end` includes stripped white space
  for (; !places.empty();) {
    Place place = places.top();
    places.pop();
    const auto next = taken.lower_bound(place.begin);
    const std::size_t limit = next == taken.end() ? text.size() : next->first;
    if (limit == place.begin || (next != taken.begin() && std::prev(next)->second.end > place.begin))
      continue;
    if (place.end > limit) {
      if (const auto shorter = longest(text.substr(0, limit), place.begin, parse_special))
        places.push(*shorter);
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
