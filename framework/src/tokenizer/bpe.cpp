#include "tokenizer/bpe.hpp"

#include "tokenizer/tokenizer_engine.hpp"
#include "tokenizer/unicode.hpp"
#include "tokenizer/word_cuts.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>

namespace pq {
namespace {

constexpr std::size_t kLongestText = std::size_t{1} << 30;

}  // namespace

struct Bpe::Impl {
  PieceTable pieces;  // tokens, then symbols of merges that are no tokens
  PairTable merges;
  WordCuts cuts;
  std::int32_t first_extra = 0;  // symbols from here on are no tokens
  std::int32_t bytes[256];       // parts.bytes: the symbol of a byte; byte_fallback: its <0x..> token
  BpeParts parts;
  bool can_cut = false;

  std::int32_t symbol(std::string_view text, std::int32_t& next) {
    const std::int32_t id = pieces.add(text, next);
    if (id == next) ++next;
    return id;
  }

  void add_vocab() {
    std::size_t size = 0;
    for (const auto& entry : parts.vocab) size += entry.first.size();
    pieces.reserve(parts.vocab.size(), size);
    for (const auto& [piece, id] : parts.vocab) {
      pieces.add(piece, static_cast<std::int32_t>(id));
      first_extra = std::max(first_extra, static_cast<std::int32_t>(id) + 1);
    }
  }

  void add_merges() {
    merges.reserve(parts.merges.size());
    std::int32_t next = first_extra;
    for (std::size_t rank = 0; rank < parts.merges.size(); ++rank) {
      const Merge& merge = parts.merges[rank];
      std::int32_t left = pieces.find(merge.left()), right = pieces.find(merge.right()),
                   whole = pieces.find(merge.text);
      if (parts.llama_cpp) {
        left = symbol(merge.left(), next);
        right = symbol(merge.right(), next);
        whole = symbol(merge.text, next);
      } else if (left < 0 || right < 0 || whole < 0) {
        throw FormatError(parts.source + ": merge " + std::to_string(rank) + " ('" + merge.text +
                          "') uses symbols that are not in the vocabulary");
      }
      merges.add(left, right, {static_cast<std::int32_t>(rank), whole}, !parts.llama_cpp);
    }
  }

  void set_bytes() {
    for (int byte = 0; byte < 256; ++byte) {
      const char raw = static_cast<char>(byte);
      bytes[byte] = parts.bytes           ? pieces.find(byte_mapped({&raw, 1}))
                    : parts.byte_fallback ? pieces.find(piece_of_byte(byte))
                                          : -1;
    }
  }

  void learn_cuts() {
    can_cut = !parts.bytes && !parts.ignore_merges && pieces.find("\xE2\x96\x81") >= 0;
    for (const Merge& merge : parts.merges)
      if (can_cut) cuts.learn(merge.text);
  }

  bool has_bytes(std::string_view character) const {
    return std::all_of(character.begin(), character.end(),
                       [&](char byte) { return bytes[static_cast<unsigned char>(byte)] >= 0; });
  }

  // A character is in the vocabulary, or spelt in bytes, or unknown, or dropped.
  void add_character(std::string_view word, std::uint32_t begin, std::uint32_t size,
                     std::vector<Symbol>& symbols, bool& after_unknown) const {
    const std::string_view character = word.substr(begin, size);
    const std::int32_t id =
        parts.bytes ? bytes[static_cast<unsigned char>(character[0])] : pieces.find(character);
    if (id >= 0 || parts.llama_cpp) {
      symbols.push_back({id, begin, size});
      after_unknown = false;
    } else if (!parts.bytes && has_bytes(character)) {
      for (std::uint32_t i = 0; i < size; ++i)
        symbols.push_back({bytes[static_cast<unsigned char>(character[i])], begin + i, 1});
      after_unknown = false;
    } else {
      if (parts.unknown >= 0 && !(parts.fuse_unknown && after_unknown))
        symbols.push_back({parts.unknown, begin, size});
      after_unknown = parts.unknown >= 0;
    }
  }

  // What llama.cpp does with a symbol that is no token.
  void spell(std::string_view text, std::vector<std::int32_t>& ids) const {
    for (const char c : text) {
      const std::int32_t id = bytes[static_cast<unsigned char>(c)];
      // Of GPT-2's characters only those that are ASCII are found byte by byte.
      if (id >= 0 && id < first_extra && (!parts.bytes || (c >= 33 && c <= 126))) ids.push_back(id);
    }
  }

  void encode_part(std::string_view part, MergeScratch& scratch, std::vector<std::int32_t>& ids) const {
    const bool remembered = part.size() <= WordCache::kLongestWord;
    if (remembered && scratch.cache.find(part, ids)) return;
    const std::size_t first_id = ids.size();
    if (const std::int32_t whole = whole_word(part); whole >= 0)
      ids.push_back(whole);
    else
      merge_part(part, scratch, ids);
    if (remembered) scratch.cache.add(part, std::span(ids).subspan(first_id));
  }

  std::int32_t whole_word(std::string_view word) const {
    if (!parts.ignore_merges) return -1;
    return token(parts.bytes ? byte_mapped(word) : std::string(word));
  }

  void merge_part(std::string_view part, MergeScratch& scratch, std::vector<std::int32_t>& ids) const {
    scratch.symbols.clear();
    bool after_unknown = false;
    for (std::size_t at = 0; at < part.size();) {
      const std::size_t size = parts.bytes ? 1 : std::min(character_bytes(part[at]), part.size() - at);
      add_character(part, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(size), scratch.symbols,
                    after_unknown);
      at += size;
    }
    merge_symbols(scratch,
                  [this](const Symbol& left, const Symbol& right) { return merges.find(left.id, right.id); });
    for (const Symbol& symbol : scratch.symbols)
      if (symbol.id >= 0 && symbol.id < first_extra)
        ids.push_back(symbol.id);
      else
        spell(part.substr(symbol.begin, symbol.size), ids);
  }

  std::int32_t token(std::string_view piece) const {
    const std::int32_t id = pieces.find(piece);
    return id < first_extra ? id : -1;
  }
};

Bpe::Bpe(const BpeParts& parts) {
  auto impl = std::make_unique<Impl>();
  impl->parts = parts;
  impl->add_vocab();
  impl->add_merges();
  impl->set_bytes();
  impl->learn_cuts();
  impl->parts.vocab = {};
  impl->parts.merges = {};
  impl_ = std::move(impl);
}

Bpe::~Bpe() = default;

std::int32_t Bpe::id_of(std::string_view piece) const { return impl_->token(piece); }

void Bpe::encode(std::string_view word, MergeScratch& scratch, std::vector<std::int32_t>& ids) const {
  if (word.size() > kLongestText)
    throw ResourceError("a text of more than 1 GiB cannot be tokenized at once; cut it");
  while (!word.empty()) {
    const std::size_t size = impl_->can_cut ? impl_->cuts.next(word) : word.size();
    impl_->encode_part(word.substr(0, size), scratch, ids);
    word.remove_prefix(size);
  }
}

}  // namespace pq
