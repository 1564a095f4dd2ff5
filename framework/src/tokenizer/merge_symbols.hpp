// The one loop of all byte-pair encodings: join the best pair of neighbours until none is left.
#pragma once

#include "tokenizer/piece_table.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace pq {

/// A part of a word. id < 0: it has no symbol and joins nothing.
struct Symbol {
  std::int32_t id = -1;
  std::uint32_t begin = 0, size = 0;      // in the word
  std::int32_t previous = -1, next = -1;  // used for long words only
};

/// Memory that is kept between words. One user at a time.
struct MergeScratch {
  struct Candidate {
    std::int32_t rank;
    std::int32_t position;  // of the left symbol
    std::uint32_t left_size, size;
    std::int32_t id;
    /// The best is the largest, as std heaps want it.
    bool operator<(const Candidate& other) const noexcept {
      return rank != other.rank ? rank > other.rank : position > other.position;
    }
  };
  std::vector<Symbol> symbols;
  std::vector<Join> joins;
  std::vector<Candidate> heap;
  WordCache cache;
};

namespace merging {

// Up to this length looking through all pairs is quicker than a heap.
constexpr std::size_t kShort = 32;

template <class Lookup>
void merge_short(std::vector<Symbol>& symbols, std::vector<Join>& joins, const Lookup& lookup) {
  joins.clear();
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) joins.push_back(lookup(symbols[i], symbols[i + 1]));
  while (!joins.empty()) {
    std::size_t best = joins.size();
    for (std::size_t i = 0; i < joins.size(); ++i)
      if (joins[i].rank >= 0 && (best == joins.size() || joins[i].rank < joins[best].rank)) best = i;
    if (best == joins.size()) return;
    symbols[best].id = joins[best].id;
    symbols[best].size += symbols[best + 1].size;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    joins.erase(joins.begin() + static_cast<std::ptrdiff_t>(best));
    if (best > 0) joins[best - 1] = lookup(symbols[best - 1], symbols[best]);
    if (best < joins.size()) joins[best] = lookup(symbols[best], symbols[best + 1]);
  }
}

template <class Lookup>
void merge_long(MergeScratch& scratch, const Lookup& lookup) {
  std::vector<Symbol>& symbols = scratch.symbols;
  auto& heap = scratch.heap;
  heap.clear();
  const auto at = [&](std::int32_t i) -> Symbol& { return symbols[static_cast<std::size_t>(i)]; };
  const auto candidate = [&](std::int32_t position) {
    const Symbol& left = at(position);
    const Symbol& right = at(left.next);
    const Join join = lookup(left, right);
    if (join.rank >= 0) heap.push_back({join.rank, position, left.size, left.size + right.size, join.id});
    return join.rank >= 0;
  };
  const auto offer = [&](std::int32_t position) {
    if (position >= 0 && at(position).next >= 0 && candidate(position))
      std::push_heap(heap.begin(), heap.end());
  };
  const auto count = static_cast<std::int32_t>(symbols.size());
  for (std::int32_t i = 0; i < count; ++i) {
    at(i).previous = i - 1;
    at(i).next = i + 1 < count ? i + 1 : -1;
  }
  for (std::int32_t i = 0; i + 1 < count; ++i) candidate(i);
  std::make_heap(heap.begin(), heap.end());
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    const MergeScratch::Candidate best = heap.back();
    heap.pop_back();
    Symbol& left = at(best.position);
    // A swallowed symbol has size 0; other sizes than at the time of the offer make it stale.
    if (left.size != best.left_size || left.next < 0 || left.size + at(left.next).size != best.size) continue;
    Symbol& right = at(left.next);
    left.id = best.id;
    left.size = best.size;
    left.next = right.next;
    right.size = 0;
    if (left.next >= 0) at(left.next).previous = best.position;
    offer(left.previous);
    offer(best.position);
  }
  std::size_t kept = 0;
  for (std::int32_t i = count > 0 ? 0 : -1; i >= 0; i = at(i).next) symbols[kept++] = at(i);
  symbols.resize(kept);
}

}  // namespace merging

/// Joins neighbours in scratch.symbols: lowest rank first, leftmost among equals. lookup(left, right) gives the Join of two symbols.
template <class Lookup>
void merge_symbols(MergeScratch& scratch, const Lookup& lookup) {
  if (scratch.symbols.size() <= merging::kShort)
    merging::merge_short(scratch.symbols, scratch.joins, lookup);
  else
    merging::merge_long(scratch, lookup);
}

}  // namespace pq
