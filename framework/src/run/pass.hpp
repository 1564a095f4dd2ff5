// The one pass over the source: all tensors, cut into chunks, for all outputs.
#pragma once

#include "run/journal.hpp"
#include "run/run.hpp"

#include <memory>
#include <vector>

namespace pq {

/// Writes every chunk that the journal does not know as finished, or that the partial outputs do not hold, and records it. All must outlive it.
class SourcePass {
 public:
  SourcePass(const Plan& plan, std::vector<OutputRun>& runs, Journal& journal, Executor& executor,
             const Progress& progress);
  ~SourcePass();

  /// Whether an output that is left takes what is measured; an interrupted run may have written all of them.
  bool needs_statistics() const;
  /// The tensors that take X^T X of inputs in this layer.
  void run_layer(int layer, const MeasuredStatistics& measured);
  /// All others. `measured` nullptr: the plan has no calibration.
  void run_rest(const MeasuredStatistics* measured);

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace pq
