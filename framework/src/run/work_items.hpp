// How a run is cut into pieces of work.
#pragma once

#include "run/chunk.hpp"

#include <vector>

namespace pq {

/// A chunk of the pass: rows of one task.
struct WorkItem {
  std::size_t task;
  std::int64_t chunk, first, count;
};

/// One task per tensor of a view, in the order in which the source stores them, so that the source is read once from front to back.
std::vector<TensorTask> make_tasks(std::vector<OutputRun>& runs);

/// Sets the outputs' tensors up for the pieces that it returns.
std::vector<WorkItem> cut_into_chunks(const Plan& plan, const std::vector<TensorTask>& tasks);

/// The layer in which the task must run: it takes X^T X of inputs there, or the samples go on through its rows. -1: it may run at the end.
int layer_of(const Plan& plan, const TensorTask& task);

}  // namespace pq
