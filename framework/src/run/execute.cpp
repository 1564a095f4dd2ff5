#include "base/interrupt.hpp"
#include "config/place.hpp"
#include "run/chunk.hpp"
#include "run/peak_memory.hpp"
#include "run/run.hpp"
#include "run/run_state.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <mutex>
#include <new>

namespace pq {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A chunk of the pass: rows of one task.
struct WorkItem {
  std::size_t task;
  std::int64_t chunk, first, count;
};

void start_outputs(const Plan& plan, RunState& state, std::vector<OutputRun>& runs) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const PlannedOutput& output = plan.outputs[i];
    runs[i].plan = &output;
    runs[i].tensors = std::vector<TensorRun>(output.tensors.size());
    const Start start = state.prepare(i);
    if (start == Start::sealed) {
      runs[i].partial = output.format->open(state.names(i).final.front());
      continue;
    }
    runs[i].writer = at_place(output.to_mark, [&] {
      return output.format->create(output.to, output.model, start == Start::resume);
    });
    if (start == Start::resume) runs[i].partial = runs[i].writer->reopen();
  }
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
  std::stable_sort(ordered.begin(), ordered.end(),
                   [&](const TensorTask& a, const TensorTask& b) { return offset(a) < offset(b); });
  return ordered;
}

/// The rows of a task that no chunk may cross: those of one matrix if the matrices of a stack have their own importance.
std::int64_t rows_together(const TensorTask& task) {
  std::int64_t count = rows(task.view->tensors[task.view_index].shape);
  for (const TensorTask::Target& target : task.targets)
    if (const auto& importance = target.output->plan->tensors[target.tensor].importance)
      count = importance->rows_per_matrix;
  return std::max<std::int64_t>(1, count);
}

void set_up_run(TensorRun& run, std::int64_t rows, std::int64_t together, std::int64_t chunks) {
  run.rows_per_matrix = together;
  run.matrices = std::vector<MatrixRun>(static_cast<std::size_t>(rows / together));
  run.chunks.resize(static_cast<std::size_t>(chunks));
}

std::vector<WorkItem> cut_into_chunks(const Plan& plan, const std::vector<TensorTask>& tasks) {
  std::vector<WorkItem> items;
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    const Shape& shape = tasks[t].view->tensors[tasks[t].view_index].shape;
    const std::int64_t total = rows(shape), together = rows_together(tasks[t]);
    const std::int64_t step = chunk_rows(plan, cols(shape));
    const std::size_t begin = items.size();
    for (std::int64_t first = 0; first < total;) {
      const std::int64_t count = rows_of_chunk(first, together, step);
      items.push_back({t, static_cast<std::int64_t>(items.size() - begin), first, count});
      first += count;
    }
    for (const TensorTask::Target& target : tasks[t].targets) {
      TensorRun& run = target.output->tensors[target.tensor];
      set_up_run(run, total, together, static_cast<std::int64_t>(items.size() - begin));
      for (std::size_t i = begin; i < items.size(); ++i) ++run.matrix_of(items[i].first).chunks_left;
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

/// The output holds the bytes of this chunk. Of a finished one everything else is an error.
bool has_chunk(const TensorTask::Target& target, const WorkItem& item, std::uint64_t hash) {
  const OutputRun& output = *target.output;
  if (output.partial == nullptr) return false;
  std::vector<std::byte> scratch;
  const std::size_t at = find_tensor(output, *output.partial, target.tensor);
  if (hash_bytes(output.partial->rows(at, item.first, item.count, scratch)) == hash) return true;
  if (output.writer == nullptr)
    throw ConfigError(
        fmt::format("{} was changed after an interrupted run had finished it; move it away and run "
                    "the same command again",
                    output.plan->to.string()));
  return false;
}

/// Takes over a chunk of an earlier run if the partial outputs still hold its bytes.
bool take_over(const TensorTask& task, const WorkItem& item, const std::vector<ChunkResult>& recorded) {
  if (recorded.size() != task.targets.size()) return false;
  for (std::size_t i = 0; i < recorded.size(); ++i)
    if (!has_chunk(task.targets[i], item, recorded[i].hash)) return false;
  for (std::size_t i = 0; i < recorded.size(); ++i) {
    TensorRun& run = task.targets[i].output->tensors[task.targets[i].tensor];
    run.chunks[static_cast<std::size_t>(item.chunk)] = recorded[i];
    run.finish_chunk(item.first);
  }
  return true;
}

void run_item(const Plan& plan, const TensorTask& task, const WorkItem& item, Journal& journal,
              const RunContext& context) {
  static thread_local ChunkScratch scratch;
  const auto* recorded = journal.find(item.task, item.chunk);
  if (recorded != nullptr && take_over(task, item, *recorded)) return;
  process_chunk(plan, task, item.chunk, item.first, item.count, context, scratch);
  std::vector<ChunkResult> results;
  for (const TensorTask::Target& target : task.targets)
    results.push_back(target.output->tensors[target.tensor].chunks[static_cast<std::size_t>(item.chunk)]);
  journal.record(item.task, item.chunk, results);
}

void run_pass(const Plan& plan, std::vector<OutputRun>& runs, Journal& journal, Executor& executor,
              const Progress& progress) {
  const std::vector<TensorTask> tasks = make_tasks(runs);
  const std::vector<WorkItem> items = cut_into_chunks(plan, tasks);
  std::int64_t total = 0;
  for (const PlannedOutput& output : plan.outputs) total += output.weights();
  ProgressCounter counter(progress, total);
  const auto device = plan.backend->open(plan.device, executor);
  const RunContext context{executor, device.get()};
  executor.for_ranges(static_cast<std::int64_t>(items.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      throw_if_interrupted();
      const WorkItem& item = items[static_cast<std::size_t>(i)];
      const TensorTask& task = tasks[item.task];
      run_item(plan, task, item, journal, context);
      counter.add(item.count * cols(task.view->tensors[task.view_index].shape) *
                  static_cast<std::int64_t>(task.targets.size()));
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
      if (std::find(result.warnings.begin(), result.warnings.end(), warning) == result.warnings.end())
        result.warnings.push_back(warning);
  }
  return result;
}

/// Verifies every output under its partial name, puts all on the disk, and only then gives final names, so that a failure leaves none.
void verify_and_seal(const Plan& plan, std::vector<OutputRun>& runs, RunState& state, Executor& executor) {
  for (OutputRun& run : runs) {
    if (run.writer == nullptr) continue;  // finished by an interrupted run, and its chunks were compared
    const auto reader = run.writer->reopen();
    if (reader == nullptr)
      throw PluginError(
          fmt::format("format '{}' cannot read an output before it has its final name, so that it "
                      "cannot be verified; its writer needs reopen()",
                      run.plan->format->info().id));
    verify_output(plan, run, *reader, executor);
  }
  for (OutputRun& run : runs)
    if (run.writer != nullptr) run.writer->flush();
  state.record_sealing();
  for (OutputRun& run : runs)
    if (run.writer != nullptr) run.writer->seal();
}

/// What is done stays for the next run: after an interruption, when a disk or the memory was too small, and whenever there was something
/// before. Not after errors that the same command would meet again.
bool keeps_state(const std::exception_ptr& failure, bool had_state, bool started) {
  try {
    std::rethrow_exception(failure);
  } catch (const Interrupted&) {
    return true;
  } catch (const FormatError&) {
    return false;
  } catch (const VerifyError&) {
    return false;
  } catch (const ResourceError&) {
    return had_state || started;
  } catch (const std::bad_alloc&) {
    return had_state || started;
  } catch (...) {
    return had_state;
  }
}

[[noreturn]] void rethrow_with_advice(const std::exception_ptr& failure) {
  constexpr const char* kAdvice = "the finished part is kept, run the same command again to continue";
  try {
    std::rethrow_exception(failure);
  } catch (const Interrupted&) {
    throw Interrupted(fmt::format("interrupted; {}", kAdvice));
  } catch (const ResourceError& error) {
    throw ResourceError(fmt::format("{}; {}", error.what(), kAdvice));
  }
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

RunResult execute(const Plan& plan, Executor& executor, const RunOptions& options, const Progress& progress) {
  const auto start = Clock::now();
  RunState state(plan, options.force);
  std::vector<OutputRun> runs(plan.outputs.size());
  bool started = false;
  try {
    start_outputs(plan, state, runs);
    started = true;
    run_pass(plan, runs, state.journal(), executor, progress);
    verify_and_seal(plan, runs, state, executor);
  } catch (...) {
    const std::exception_ptr failure = std::current_exception();
    if (!keeps_state(failure, state.journal().resumes(), started)) {
      runs.clear();
      state.discard();
      throw;
    }
    for (OutputRun& run : runs)
      if (run.writer != nullptr) run.writer->keep();
    state.keep();
    rethrow_with_advice(failure);
  }
  state.remove();
  RunResult result;
  for (const OutputRun& run : runs) {
    OutputResult output;
    for (const TensorRun& tensor : run.tensors) output.tensors.push_back(sum_chunks(tensor));
    output.seconds = static_cast<double>(run.nanoseconds.load()) * 1e-9 / executor.threads();
    result.outputs.push_back(std::move(output));
  }
  result.seconds = seconds_since(start);
  result.peak_memory_bytes = peak_memory_bytes();
  return result;
}

}  // namespace pq
