#include "run/work_items.hpp"

#include "evaluation/pieces.hpp"
#include "forward/observer.hpp"
#include "plan/calibration.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

namespace pq {
namespace {

/// The rows of a task that no chunk may cross: those of one matrix if the matrices of a stack have their own importance, or if each row
/// needs its whole matrix.
std::int64_t rows_together(const TensorTask& task) {
  const ViewTensor& tensor = task.view->tensors[task.view_index];
  std::int64_t count = weight_rows(tensor.shape);
  if (tensor.is_transposed() && tensor.shape.size() >= 2) count = tensor.shape[tensor.shape.size() - 2];
  for (const TensorTask::Target& target : task.targets)
    if (target.output->plan->tensors[target.tensor].has_importance() && tensor.shape.size() >= 3)
      count = tensor.shape[tensor.shape.size() - 2];
  return std::max<std::int64_t>(1, count);
}

void set_up_run(TensorRun& run, std::int64_t rows, std::int64_t together, std::int64_t step,
                std::int64_t chunks) {
  run.rows_per_matrix = together;
  run.rows_per_chunk = step;
  run.matrices = std::vector<MatrixRun>(static_cast<std::size_t>(rows / together));
  run.chunks.resize(static_cast<std::size_t>(chunks));
}

}  // namespace

std::vector<TensorTask> make_tasks(std::vector<OutputRun>& runs) {
  std::map<std::pair<const ModelView*, std::size_t>, TensorTask> tasks;
  for (OutputRun& run : runs)
    for (std::size_t i = 0; i < run.tensors.size(); ++i) {
      const std::size_t index = run.plan->tensors[i].view_index;
      TensorTask& task = tasks[{run.plan->view.get(), index}];
      task.view = run.plan->view.get();
      task.view_index = index;
      task.targets.push_back({&run, i});
      const auto& parts = task.view->tensors[index].map.parts;
      task.first_stored = parts.empty() ? 0 : parts.front().stored;
    }
  std::vector<TensorTask> ordered;
  for (auto& [key, task] : tasks) ordered.push_back(std::move(task));
  const auto offset = [](const TensorTask& task) {
    const TensorInfo& info = task.view->reader->header().tensors[task.first_stored];
    return std::pair(std::string_view(info.file), info.offset);
  };
  std::stable_sort(ordered.begin(), ordered.end(),
                   [&](const TensorTask& a, const TensorTask& b) { return offset(a) < offset(b); });
  return ordered;
}

std::vector<WorkItem> cut_into_chunks(const Plan& plan, const std::vector<TensorTask>& tasks) {
  std::vector<WorkItem> items;
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    const ViewTensor& tensor = tasks[t].view->tensors[tasks[t].view_index];
    const std::int64_t total = weight_rows(tensor.shape), together = rows_together(tasks[t]);
    const std::int64_t step = rows_at_a_time(tensor, plan.chunk_weights);
    const std::size_t begin = items.size();
    for (std::int64_t first = 0; first < total;) {
      const std::int64_t count = rows_of_chunk(first, together, step);
      items.push_back({t, static_cast<std::int64_t>(items.size() - begin), first, count});
      first += count;
    }
    for (const TensorTask::Target& target : tasks[t].targets) {
      TensorRun& run = target.output->tensors[target.tensor];
      set_up_run(run, total, together, step, static_cast<std::int64_t>(items.size() - begin));
      for (std::size_t i = begin; i < items.size(); ++i) ++run.matrix_of(items[i].first).chunks_left;
    }
  }
  return items;
}

int layer_of(const Plan& plan, const TensorTask& task) {
  if (plan.calibration == nullptr) return -1;
  int layer = -1;
  for (const TensorTask::Target& target : task.targets) {
    const PlannedOutput& output = *target.output->plan;
    const PlannedTensor& planned = output.tensors[target.tensor];
    if (planned.is_followed) layer = std::max(layer, output.view->tensors[planned.view_index].layer);
    if (output.needs().gram)
      for (const Site* site : planned.sites) layer = std::max(layer, site->layer);
  }
  return layer;
}

}  // namespace pq
