// Added tokens: found in a text before the model sees it.
#pragma once

#include "tokenizer/tokenizer_json.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pq {

/// Finds tokens, leftmost and then longest first. Immutable after add(), callable from any thread.
class AddedTokenMatcher {
 public:
  /// `content` is what is looked for (the token's, or its normalized form).
  void add(const AddedToken& token, const std::string& content);
  bool empty() const noexcept { return tokens_.empty(); }
  /// Calls on_text for what lies between, on_token for every token, in order; empty texts are left out.
  void split(std::string_view text,
             const std::function<void(std::string_view text, std::size_t begin)>& on_text,
             const std::function<void(std::int64_t id)>& on_token) const;

 private:
  struct Found {
    const AddedToken* token = nullptr;
    std::size_t end = 0;
  };
  Found longest(std::string_view text, std::size_t at) const;

  std::vector<AddedToken> tokens_;
  std::vector<int> token_at_node_ = {-1};                  // trie: token that ends at a node
  std::unordered_map<std::uint64_t, std::uint32_t> next_;  // node << 8 | byte -> node
  bool starts_[256] = {};
};

}  // namespace pq
