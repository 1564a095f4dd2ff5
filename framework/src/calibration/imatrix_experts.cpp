// Entries of single experts ("blk.3.ffn_gate.7.weight") become those of the stacks that models have today.
#include "calibration/imatrix_reader.hpp"

#include "model/gguf_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace pq {
namespace {

using Experts = std::map<std::size_t, ImatrixEntry>;  // by number

constexpr std::size_t kMostExperts = 10000;
// Experts that no token reached have no entry in the older files. More missing ones than there are others, and than this, would only cost
// memory.
constexpr std::size_t kMostMissing = 128;

ImatrixEntry stacked(const std::string& name, const Experts& experts) {
  const std::size_t count = experts.rbegin()->first + 1;
  ImatrixEntry stack;
  stack.name = name;
  stack.values = experts.begin()->second.values * static_cast<std::int64_t>(count);
  stack.counts.assign(count, 0);
  stack.places.assign(count, kNotMeasured);
  for (const auto& [number, entry] : experts) {
    stack.counts[number] = entry.counts.front();
    stack.places[number] = entry.places.front();
  }
  return stack;
}

}  // namespace

void ImatrixReader::stack_experts() {
  std::map<std::string, Experts> stacks;
  std::vector<ImatrixEntry> kept;
  for (ImatrixEntry& entry : imatrix_->entries_) {
    const auto name = GgufNames::installed().single_expert(entry.name);
    if (!name) {
      kept.push_back(std::move(entry));
      continue;
    }
    Experts& experts = stacks[name->stack];
    if (name->expert >= kMostExperts)
      fail(fmt::format("the entry '{}' names an expert that no model has", entry.name));
    if (entry.counts.size() != 1 || (!experts.empty() && experts.begin()->second.values != entry.values))
      fail(fmt::format("the entry '{}' is unlike those of the other experts", entry.name));
    if (const auto [place, is_new] = experts.try_emplace(name->expert, entry); !is_new)
      fail(fmt::format("the entry '{}' is there twice", entry.name));
  }
  for (const auto& [name, experts] : stacks) {
    const std::size_t last = experts.rbegin()->first, missing = last + 1 - experts.size();
    if (missing > std::max(experts.size(), kMostMissing))
      fail(fmt::format("the entries of '{}' go up to expert {}, but {} of the experts below it have none",
                       name, last, missing));
    kept.push_back(stacked(name, experts));
  }
  imatrix_->entries_ = std::move(kept);
}

}  // namespace pq
