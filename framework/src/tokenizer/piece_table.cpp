#include "tokenizer/piece_table.hpp"

#include <polyquant/base/error.hpp>

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace pq {
namespace {

constexpr std::size_t kCachedWords = 60'000;
constexpr std::size_t kCacheSlots = std::size_t{1} << 17;

std::uint64_t hash_of(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

bool equal(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace

void PieceTable::reserve(std::size_t pieces, std::size_t bytes) {
  entries_.reserve(pieces);
  bytes_.reserve(bytes);
  grow(std::bit_ceil(2 * pieces + 2));
}

void PieceTable::grow(std::size_t slots) {
  if (slots <= slots_.size()) return;
  slots_.assign(slots, 0);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    std::size_t at = entries_[i].hash & (slots - 1);
    while (slots_[at] != 0) at = (at + 1) & (slots - 1);
    slots_[at] = static_cast<std::uint32_t>(i + 1);
  }
}

std::size_t PieceTable::slot_of(std::string_view piece, std::uint32_t hash) const noexcept {
  std::size_t at = hash & (slots_.size() - 1);
  for (; slots_[at] != 0; at = (at + 1) & (slots_.size() - 1)) {
    const Entry& entry = entries_[slots_[at] - 1];
    if (entry.hash == hash && equal(text(entry), piece)) break;
  }
  return at;
}

std::int32_t PieceTable::add(std::string_view piece, std::int32_t id) {
  if (2 * (entries_.size() + 1) > slots_.size()) grow(std::bit_ceil(4 * (entries_.size() + 1)));
  if (bytes_.size() + piece.size() > std::numeric_limits<std::uint32_t>::max())
    throw FormatError("the tokenizer's pieces have more than 4 GiB");
  const auto hash = static_cast<std::uint32_t>(hash_of(piece));
  const std::size_t at = slot_of(piece, hash);
  if (slots_[at] != 0) return entries_[slots_[at] - 1].id;
  entries_.push_back(
      {static_cast<std::uint32_t>(bytes_.size()), static_cast<std::uint32_t>(piece.size()), hash, id});
  bytes_ += piece;
  slots_[at] = static_cast<std::uint32_t>(entries_.size());
  return id;
}

std::int32_t PieceTable::find(std::string_view piece) const noexcept {
  if (slots_.empty()) return -1;
  const std::size_t at = slot_of(piece, static_cast<std::uint32_t>(hash_of(piece)));
  return slots_[at] == 0 ? -1 : entries_[slots_[at] - 1].id;
}

void PairTable::reserve(std::size_t pairs) {
  const std::size_t slots = std::bit_ceil(2 * pairs + 2);
  if (slots <= slots_.size()) return;
  std::vector<Slot> old(slots);
  old.swap(slots_);
  shift_ = 64 - std::countr_zero(slots);
  for (const Slot& slot : old)
    if (slot.key != kEmpty) slots_[slot_of(slot.key)] = slot;
}

std::size_t PairTable::slot_of(std::uint64_t key) const noexcept {
  // Fibonacci hashing: the high bits of a product with 2^64 / golden ratio.
  std::size_t at = static_cast<std::size_t>((key * 0x9E3779B97F4A7C15u) >> shift_);
  while (slots_[at].key != key && slots_[at].key != kEmpty) at = (at + 1) & (slots_.size() - 1);
  return at;
}

void PairTable::add(std::int32_t left, std::int32_t right, Join join, bool replace) {
  if (2 * (used_ + 1) > slots_.size()) reserve(2 * used_ + 8);
  const std::uint64_t key =
      static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
  Slot& slot = slots_[slot_of(key)];
  if (slot.key == key && !replace) return;
  if (slot.key != key) ++used_;
  slot = {key, join};
}

Join PairTable::find(std::int32_t left, std::int32_t right) const noexcept {
  if (left < 0 || right < 0 || slots_.empty()) return {};
  const std::uint64_t key =
      static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
  return slots_[slot_of(key)].join;  // an empty slot joins nothing
}

WordCache::WordCache() : slots_(kCacheSlots, 0) {}

void WordCache::clear() {
  bytes_.clear();
  ids_.clear();
  entries_.clear();
  std::fill(slots_.begin(), slots_.end(), 0u);
}

bool WordCache::find(std::string_view word, std::vector<std::int32_t>& ids) {
  hash_ = hash_of(word);
  for (slot_ = hash_ & (kCacheSlots - 1); slots_[slot_] != 0; slot_ = (slot_ + 1) & (kCacheSlots - 1)) {
    const Entry& entry = entries_[slots_[slot_] - 1];
    if (entry.hash != hash_ || !equal({bytes_.data() + entry.begin, entry.size}, word)) continue;
    const std::int32_t* first = ids_.data() + entry.first_id;
    if (entry.id_count == 1)
      ids.push_back(*first);
    else
      ids.insert(ids.end(), first, first + entry.id_count);
    return true;
  }
  return false;
}

void WordCache::add(std::string_view word, std::span<const std::int32_t> ids) {
  if (entries_.size() >= kCachedWords) {
    clear();
    slot_ = hash_ & (kCacheSlots - 1);
  }
  entries_.push_back({hash_, static_cast<std::uint32_t>(bytes_.size()),
                      static_cast<std::uint32_t>(word.size()), static_cast<std::uint32_t>(ids_.size()),
                      static_cast<std::uint32_t>(ids.size())});
  bytes_ += word;
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  slots_[slot_] = static_cast<std::uint32_t>(entries_.size());
}

}  // namespace pq
