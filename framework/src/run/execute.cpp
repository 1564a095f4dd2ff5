#include "base/interrupt.hpp"
#include "run/chunk.hpp"
#include "run/run.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/log.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>

namespace pq {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// A chunk of the pass: rows of one task.
struct WorkItem {
  const TensorTask* task;
  std::int64_t chunk, first, count;
};

std::vector<OutputRun> start_outputs(const Plan& plan) {
  std::vector<OutputRun> runs(plan.outputs.size());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const PlannedOutput& output = plan.outputs[i];
    std::filesystem::create_directories(std::filesystem::absolute(output.to).parent_path());
    runs[i].plan = &output;
    runs[i].tensors = std::vector<TensorRun>(output.tensors.size());
    runs[i].writer = output.format->create(output.to, output.model, false);
  }
  return runs;
}

/// One task per tensor of a view, in the order in which the source stores them, so that the source is read once from front to back.
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
  std::stable_sort(ordered.begin(), ordered.end(), [&](const TensorTask& a, const TensorTask& b) { return offset(a) < offset(b); });
  return ordered;
}

std::vector<WorkItem> cut_into_chunks(const Plan& plan, const std::vector<TensorTask>& tasks) {
  std::vector<WorkItem> items;
  for (const TensorTask& task : tasks) {
    const Shape& shape = task.view->tensors[task.view_index].shape;
    const std::int64_t total = rows(shape), step = chunk_rows(plan, cols(shape));
    std::int64_t chunk = 0;
    for (std::int64_t first = 0; first < total; first += step)
      items.push_back({&task, chunk++, first, std::min(step, total - first)});
    for (const TensorTask::Target& target : task.targets) {
      TensorRun& run = target.output->tensors[target.tensor];
      run.chunks.resize(static_cast<std::size_t>(chunk));
      run.chunks_left = chunk;
    }
  }
  return items;
}

/// Counts finished weights and calls the user's progress function, one thread at a time.
class ProgressCounter {
 public:
  ProgressCounter(const Progress& progress, std::int64_t total) : progress_(progress), total_(total) {}
  void add(std::int64_t weights) {
    if (!progress_) return;
    const std::lock_guard lock(mutex_);
    done_ += weights;
    progress_(done_, total_);
  }

 private:
  const Progress& progress_;
  std::int64_t total_, done_ = 0;
  std::mutex mutex_;
};

void run_pass(const Plan& plan, std::vector<OutputRun>& runs, Executor& executor, const Progress& progress) {
  const std::vector<TensorTask> tasks = make_tasks(runs);
  const std::vector<WorkItem> items = cut_into_chunks(plan, tasks);
  std::int64_t total = 0;
  for (const PlannedOutput& output : plan.outputs) total += output.weights();
  ProgressCounter counter(progress, total);
  const auto device = plan.backend->open(plan.device, executor);
  const RunContext context{executor, device.get()};
  executor.for_ranges(static_cast<std::int64_t>(items.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    static thread_local ChunkScratch scratch;
    for (std::int64_t i = begin; i < end; ++i) {
      throw_if_interrupted();
      const WorkItem& item = items[static_cast<std::size_t>(i)];
      process_chunk(plan, *item.task, item.chunk, item.first, item.count, context, scratch);
      const std::int64_t width = cols(item.task->view->tensors[item.task->view_index].shape);
      counter.add(item.count * width * static_cast<std::int64_t>(item.task->targets.size()));
    }
  });
}

TensorResult sum_chunks(const TensorRun& run) {
  TensorResult result;
  for (const ChunkResult& chunk : run.chunks) {
    result.squared_error += chunk.squared_error;
    result.squared_weight += chunk.squared_weight;
    result.exact_rows += chunk.exact_rows;
    for (const std::string& warning : chunk.warnings)
      if (std::find(result.warnings.begin(), result.warnings.end(), warning) == result.warnings.end()) result.warnings.push_back(warning);
  }
  return result;
}

/// Verifies every output under its partial name, and only then gives final names, so that a failure leaves none. Formats that cannot
/// read partial outputs are verified right after their rename.
void verify_and_seal(const Plan& plan, std::vector<OutputRun>& runs, Executor& executor) {
  std::vector<OutputRun*> unverified;
  for (OutputRun& run : runs) {
    if (const auto reader = run.writer->reopen()) verify_output(plan, run, *reader, executor);
    else unverified.push_back(&run);
  }
  for (OutputRun& run : runs) run.writer->seal();
  for (const OutputRun* run : unverified) verify_output(plan, *run, *run->plan->format->open(run->plan->to), executor);
}

std::uint64_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

double OutputResult::relative_error() const {
  TensorResult sum;
  for (const TensorResult& tensor : tensors) {
    sum.squared_error += tensor.squared_error;
    sum.squared_weight += tensor.squared_weight;
  }
  return sum.relative_error();
}

RunResult execute(const Plan& plan, Executor& executor, const Progress& progress) {
  const auto start = Clock::now();
  std::vector<OutputRun> runs = start_outputs(plan);
  run_pass(plan, runs, executor, progress);
  verify_and_seal(plan, runs, executor);
  RunResult result;
  for (const OutputRun& run : runs) {
    OutputResult output;
    for (const TensorRun& tensor : run.tensors) output.tensors.push_back(sum_chunks(tensor));
    output.seconds = static_cast<double>(run.nanoseconds.load()) * 1e-9 / executor.threads();
    result.outputs.push_back(std::move(output));
  }
  result.seconds = seconds_since(start);
  result.peak_memory_bytes = peak_memory();
  return result;
}

}  // namespace pq
