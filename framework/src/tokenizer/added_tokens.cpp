#include "tokenizer/added_tokens.hpp"

#include "tokenizer/unicode.hpp"

namespace pq {
namespace {

std::size_t previous_start(std::string_view text, std::size_t at) {
  do --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}

bool word_before(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  std::size_t start = previous_start(text, at);
  return is_word(next_character(text, start));
}

bool word_after(std::string_view text, std::size_t at) {
  return at < text.size() && is_word(next_character(text, at));
}

// An lstrip token swallows the white space before it, but not what the token before has taken.
std::size_t stripped_left(std::string_view text, std::size_t at, std::size_t limit) {
  while (at > limit) {
    const std::size_t start = previous_start(text, at);
    std::size_t next = start;
    if (start < limit || !is_whitespace(next_character(text, next))) break;
    at = start;
  }
  return at;
}

std::size_t stripped_right(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    std::size_t next = at;
    if (!is_whitespace(next_character(text, next))) break;
    at = next;
  }
  return at;
}

}  // namespace

void AddedTokenMatcher::add(const AddedToken& token, const std::string& content) {
  if (content.empty()) return;
  std::uint32_t node = 0;
  for (const char c : content) {
    const auto [place, is_new] =
        next_.emplace(static_cast<std::uint64_t>(node) << 8 | static_cast<unsigned char>(c),
                      static_cast<std::uint32_t>(token_at_node_.size()));
    if (is_new) token_at_node_.push_back(-1);
    node = place->second;
  }
  token_at_node_[node] = static_cast<int>(tokens_.size());
  tokens_.push_back(token);
  starts_[static_cast<unsigned char>(content[0])] = true;
}

AddedTokenMatcher::Found AddedTokenMatcher::longest(std::string_view text, std::size_t at) const {
  Found best;
  std::uint32_t node = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    const auto next = next_.find(static_cast<std::uint64_t>(node) << 8 | static_cast<unsigned char>(text[i]));
    if (next == next_.end()) break;
    node = next->second;
    if (token_at_node_[node] >= 0) best = {&tokens_[static_cast<std::size_t>(token_at_node_[node])], i + 1};
  }
  return best;
}

void AddedTokenMatcher::split(std::string_view text,
                              const std::function<void(std::string_view, std::size_t)>& on_text,
                              const std::function<void(std::int64_t)>& on_token) const {
  std::size_t done = 0;  // everything before has been handed out
  for (std::size_t at = 0; at < text.size();) {
    const Found found = starts_[static_cast<unsigned char>(text[at])] ? longest(text, at) : Found{};
    if (found.token == nullptr) {
      ++at;
      continue;
    }
    if (found.token->single_word && (word_before(text, at) || word_after(text, found.end))) {
      at = found.end;
      continue;
    }
    const std::size_t begin = found.token->lstrip ? stripped_left(text, at, done) : at;
    if (begin > done) on_text(text.substr(done, begin - done), done);
    on_token(found.token->id);
    done = at = found.token->rstrip ? stripped_right(text, found.end) : found.end;
  }
  if (done < text.size()) on_text(text.substr(done), done);
}

}  // namespace pq
