// What a graph does with its values, noted while it is bound: who writes and who reads each of them.
#pragma once

#include "forward/observer.hpp"
#include "forward/weights.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace pq {

/// One operation.
struct FlowStep {
  enum class Kind { other, norm, linear, glu, attention } kind = Kind::other;
  int layer = -1;
  std::vector<WeightSlice> weights;  // linear: the matrix; norm: vectors, one after another
  std::vector<WeightSlice> biases;
  float offset = 0;    // added to the weight of a norm
  int linear_in = -1;  // glu, attention: channels of this value may be scaled instead of those of the result
  std::int64_t heads = 1, kv_heads = 1;
  const Site* site = nullptr;  // linear: where its input is measured
};

/// What one operation writes under a name, until another one writes there.
struct FlowValue {
  std::size_t writer = 0;
  std::int64_t width = 0;
  std::vector<std::size_t>
      readers;  // those that read single columns, or all; not those that only pass rows on
};

class Flow {
 public:
  void begin(int layer);
  void end() { open_.pop_back(); }
  /// The operation that is being bound.
  FlowStep& step() { return steps_[open_.back()]; }
  void read(const std::string& name);
  void write(const std::string& name, std::int64_t width);
  /// The value that has this name now; -1 = none.
  int value(const std::string& name) const;
  /// The tensor is read by something that says no more of it.
  void keep(std::size_t tensor) { kept_.insert(tensor); }

  const std::deque<FlowStep>& steps() const noexcept { return steps_; }
  const std::vector<FlowValue>& values() const noexcept { return values_; }
  const std::set<std::size_t>& kept() const noexcept { return kept_; }

 private:
  std::deque<FlowStep> steps_;  // references stay valid
  std::vector<FlowValue> values_;
  std::map<std::string, int> names_;
  std::vector<std::size_t> open_;
  std::set<std::size_t> kept_;
};

}  // namespace pq
