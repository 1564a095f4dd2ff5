#include "tokenizer/bpe.hpp"

#include "tokenizer/unicode.hpp"

#include <polyquant/base/error.hpp>

#include <queue>
#include <string>
#include <unordered_map>

namespace pq {
namespace {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
};

struct Target {
  std::int32_t rank = 0;
  std::int32_t id = 0;
};

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
         static_cast<std::uint32_t>(right);
}

// A symbol of a word: a doubly linked list in a vector.
struct Symbol {
  std::int32_t id = 0;
  int previous = -1;
  int next = -1;
};

struct Candidate {
  std::int32_t rank = 0;
  int position = 0;  // of the left symbol
  std::int32_t left = 0, right = 0, merged = 0;
  bool operator>(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

}  // namespace

struct Bpe::Impl {
  std::unordered_map<std::string, std::int32_t, TextHash, std::equal_to<>> vocab;
  std::unordered_map<std::uint64_t, Target> merges;
  std::int32_t bytes[256];
  std::int32_t unknown = -1;
  bool fuse_unknown = false, ignore_merges = false;

  std::int32_t find(std::string_view piece) const {
    const auto found = vocab.find(piece);
    return found == vocab.end() ? -1 : found->second;
  }

  void add_merges(const TokenizerJson& tokenizer) {
    merges.reserve(tokenizer.merges.size());
    for (std::size_t rank = 0; rank < tokenizer.merges.size(); ++rank) {
      const Merge& merge = tokenizer.merges[rank];
      const std::int32_t left = find(merge.left()), right = find(merge.right()), whole = find(merge.text);
      if (left < 0 || right < 0 || whole < 0)
        throw FormatError(tokenizer.source + ": merge " + std::to_string(rank) + " ('" + merge.text +
                          "') uses symbols that are not in the vocabulary");
      merges[pair_key(left, right)] = {static_cast<std::int32_t>(rank),
                                       whole};  // of a pair listed twice the later rank wins
    }
  }

  // A character is in the vocabulary, or spelt in bytes, or unknown, or dropped.
  void add_character(std::string_view character, std::vector<Symbol>& symbols, bool& after_unknown) const {
    const auto push = [&](std::int32_t id) {
      const int index = static_cast<int>(symbols.size());
      if (index > 0) symbols.back().next = index;
      symbols.push_back({id, index - 1, -1});
    };
    const std::int32_t id = find(character);
    if (id < 0 && !has_bytes(character)) {
      if (unknown >= 0 && !(fuse_unknown && after_unknown)) push(unknown);
      after_unknown = unknown >= 0;
      return;
    }
    after_unknown = false;
    if (id >= 0)
      push(id);
    else
      for (const char byte : character) push(bytes[static_cast<unsigned char>(byte)]);
  }

  bool has_bytes(std::string_view character) const {
    for (const char byte : character)
      if (bytes[static_cast<unsigned char>(byte)] < 0) return false;
    return true;
  }

  void merge(std::vector<Symbol>& symbols) const {
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
    const auto offer = [&](int position) {
      if (position < 0 || symbols[static_cast<std::size_t>(position)].next < 0) return;
      const Symbol& left = symbols[static_cast<std::size_t>(position)];
      const Symbol& right = symbols[static_cast<std::size_t>(left.next)];
      if (const auto found = merges.find(pair_key(left.id, right.id)); found != merges.end())
        queue.push({found->second.rank, position, left.id, right.id, found->second.id});
    };
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) offer(static_cast<int>(i));
    while (!queue.empty()) {
      const Candidate best = queue.top();
      queue.pop();
      Symbol& left = symbols[static_cast<std::size_t>(best.position)];
      // A merged-away symbol has id -1; a changed neighbour makes the entry stale.
      if (left.id != best.left || left.next < 0 ||
          symbols[static_cast<std::size_t>(left.next)].id != best.right)
        continue;
      Symbol& right = symbols[static_cast<std::size_t>(left.next)];
      left.id = best.merged;
      left.next = right.next;
      right.id = -1;
      if (left.next >= 0) symbols[static_cast<std::size_t>(left.next)].previous = best.position;
      offer(left.previous);
      offer(best.position);
    }
  }
};

Bpe::Bpe(const TokenizerJson& tokenizer) {
  auto impl = std::make_unique<Impl>();
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const Json* value = tokenizer.rest.find_path(std::string("model.") + key);
    if (value != nullptr && value->is_string() && !value->string().empty())
      throw FormatError(tokenizer.source + ": '" + key + "' of the BPE model is not supported");
  }
  impl->vocab.reserve(tokenizer.vocab.size());
  for (const auto& [piece, id] : tokenizer.vocab) impl->vocab.emplace(piece, static_cast<std::int32_t>(id));
  impl->add_merges(tokenizer);
  for (int byte = 0; byte < 256; ++byte) {
    constexpr const char* kDigits = "0123456789ABCDEF";
    const std::string piece = {'<', '0', 'x', kDigits[byte / 16], kDigits[byte % 16], '>'};
    impl->bytes[byte] = tokenizer.model_flag("byte_fallback") ? impl->find(piece) : -1;
  }
  if (const Json* unknown = tokenizer.rest.find_path("model.unk_token");
      unknown != nullptr && unknown->is_string())
    impl->unknown = impl->find(unknown->string());
  impl->fuse_unknown = tokenizer.model_flag("fuse_unk");
  impl->ignore_merges = tokenizer.model_flag("ignore_merges");
  impl_ = std::move(impl);
}

Bpe::~Bpe() = default;

std::int32_t Bpe::id_of(std::string_view piece) const { return impl_->find(piece); }

void Bpe::encode(std::string_view word, std::vector<std::int32_t>& ids) const {
  if (impl_->ignore_merges) {
    if (const std::int32_t id = impl_->find(word); id >= 0) {
      ids.push_back(id);
      return;
    }
  }
  std::vector<Symbol> symbols;
  bool after_unknown = false;
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t length = std::min(character_bytes(word[at]), word.size() - at);
    impl_->add_character(word.substr(at, length), symbols, after_unknown);
    at += length;
  }
  impl_->merge(symbols);
  for (int at = symbols.empty() ? -1 : 0; at >= 0; at = symbols[static_cast<std::size_t>(at)].next)
    ids.push_back(symbols[static_cast<std::size_t>(at)].id);
}

}  // namespace pq
