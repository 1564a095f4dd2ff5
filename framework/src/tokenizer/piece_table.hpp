// Hash tables of tokenizers: pieces to ids, pairs of symbols to merges, words to ids.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

/// Texts with numbers. Immutable after the last add(), callable from any thread.
class PieceTable {
 public:
  void reserve(std::size_t pieces, std::size_t bytes);
  /// Adds a piece if it is new. Returns the number that the piece has now.
  std::int32_t add(std::string_view piece, std::int32_t id);
  /// -1 if it is unknown.
  std::int32_t find(std::string_view piece) const noexcept;
  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    std::uint32_t begin, size, hash;
    std::int32_t id;
  };
  std::string_view text(const Entry& entry) const noexcept {
    return {bytes_.data() + entry.begin, entry.size};
  }
  void grow(std::size_t slots);
  std::size_t slot_of(std::string_view piece, std::uint32_t hash) const noexcept;

  std::string bytes_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;  // place in entries_ + 1; 0: empty
};

/// What two neighbouring symbols become; rank < 0: nothing.
struct Join {
  std::int32_t rank = -1;
  std::int32_t id = -1;
};

/// Pairs of symbols with their merges.
class PairTable {
 public:
  void reserve(std::size_t pairs);
  /// `replace`: of a pair listed twice the later entry counts.
  void add(std::int32_t left, std::int32_t right, Join join, bool replace);
  Join find(std::int32_t left, std::int32_t right) const noexcept;

 private:
  struct Slot {
    std::uint64_t key = kEmpty;
    Join join;
  };
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  std::size_t slot_of(std::uint64_t key) const noexcept;

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
  int shift_ = 64;
};

/// The ids of words seen before. One user at a time; forgets everything when it is full.
class WordCache {
 public:
  static constexpr std::size_t kLongestWord = 48;
  WordCache();
  /// Appends the ids of `word` and returns true if it is known.
  bool find(std::string_view word, std::vector<std::int32_t>& ids);
  /// Remembers the ids of the word that find() did not know last.
  void add(std::string_view word, std::span<const std::int32_t> ids);

 private:
  struct Entry {
    std::uint64_t hash;
    std::uint32_t begin, size, first_id, id_count;
  };
  void clear();

  std::string bytes_;
  std::vector<std::int32_t> ids_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;
  std::uint64_t hash_ = 0;  // of the last search
  std::size_t slot_ = 0;
};

}  // namespace pq
