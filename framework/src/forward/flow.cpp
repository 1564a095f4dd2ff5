#include "forward/flow.hpp"

namespace pq {

void Flow::begin(int layer) {
  open_.push_back(steps_.size());
  steps_.emplace_back().layer = layer;
}

void Flow::read(const std::string& name) {
  const int found = value(name);
  if (found >= 0 && !open_.empty()) values_[static_cast<std::size_t>(found)].readers.push_back(open_.back());
}

void Flow::write(const std::string& name, std::int64_t width) {
  if (open_.empty()) return;
  names_[name] = static_cast<int>(values_.size());
  values_.push_back({open_.back(), width, {}});
}

int Flow::value(const std::string& name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? -1 : found->second;
}

}  // namespace pq
