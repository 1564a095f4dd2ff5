#include "run/pass.hpp"

#include "base/freed_memory.hpp"
#include "base/in_order.hpp"
#include "base/interrupt.hpp"
#include "evaluation/pieces.hpp"
#include "plan/calibration.hpp"
#include "run/work_items.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string_view>
#include <utility>

namespace pq {
namespace {

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

/// Gives back the mapped pages of rows that were compared. Chunks come in the order of the model, which is not that of every output, and small
/// ones are given back only when all around them were read: so now and then all pages are.
void release_compared(OutputRun& output, std::size_t tensor, const WorkItem& item, std::uint64_t bytes) {
  constexpr std::uint64_t kStep = 32 << 20;
  output.partial->release(tensor, item.first, item.count);
  const std::uint64_t before = output.compared.fetch_add(bytes);
  if (before / kStep != (before + bytes) / kStep) release_all(*output.partial);
}

/// The output holds the bytes of this chunk. Of a finished one everything else is an error.
bool has_chunk(const TensorTask::Target& target, const WorkItem& item, std::uint64_t hash) {
  OutputRun& output = *target.output;
  if (output.partial == nullptr) return false;
  std::vector<std::byte> scratch;
  const std::size_t at = find_tensor(output, *output.partial, target.tensor);
  const Bytes rows = output.partial->rows(at, item.first, item.count, scratch);
  const bool is_same = hash_rows(rows, output.partial->header().tensors[at].shared) == hash;
  release_compared(output, at, item, rows.size());
  if (is_same) return true;
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

/// What the pass works with.
struct Pass {
  const Plan& plan;
  const std::vector<TensorTask>& tasks;
  Journal& journal;
  const RunContext& context;
  ProgressCounter& counter;

  const TensorTask& task(const WorkItem& item) const { return tasks[item.task]; }
  void count(const WorkItem& item) const {
    const TensorTask& t = task(item);
    counter.add(item.count * cols(t.view->tensors[t.view_index].shape) *
                static_cast<std::int64_t>(t.targets.size()));
  }
};

/// Says how much of each output an interrupted run had finished.
void report_kept(const Pass& pass, const std::vector<WorkItem>& items, const std::vector<char>& is_done) {
  std::map<const PlannedOutput*, std::int64_t> kept;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const TensorTask& task = pass.task(items[i]);
    if (is_done[i])
      for (const TensorTask::Target& target : task.targets)
        kept[target.output->plan] += items[i].count * cols(task.view->tensors[task.view_index].shape);
  }
  for (const auto& [output, weights] : kept)
    log::info(fmt::format("continuing: {} % of {} was kept",
                          100 * weights / std::max<std::int64_t>(1, output->weights()), output->to.string()));
}

/// The items that an interrupted run has not finished.
std::vector<WorkItem> unfinished(const Pass& pass, const std::vector<WorkItem>& items) {
  // What the samples go through is not read back from an output: all of it is made again, and is the same.
  const bool is_followed = pass.plan.calibration != nullptr && pass.plan.calibration->quantized_inputs;
  if (!pass.journal.resumes() || is_followed) return items;
  std::vector<char> is_done(items.size());
  const auto count = static_cast<std::int64_t>(items.size());
  for_each_in_order(pass.context.executor, count, [&](std::int64_t item) {
    throw_if_interrupted();
    const auto i = static_cast<std::size_t>(item);
    const auto* recorded = pass.journal.find(items[i].task, items[i].chunk);
    is_done[i] = recorded != nullptr && take_over(pass.task(items[i]), items[i], *recorded);
    if (is_done[i]) pass.count(items[i]);
  });
  report_kept(pass, items, is_done);
  std::vector<WorkItem> left;
  for (std::size_t i = 0; i < items.size(); ++i)
    if (!is_done[i]) left.push_back(items[i]);
  return left;
}

void run_item(const Pass& pass, const WorkItem& item) {
  static thread_local ChunkScratch scratch;
  const TensorTask& task = pass.task(item);
  process_chunk(pass.plan, task, item.chunk, item.first, item.count, scratch);
  std::vector<ChunkResult> results;
  for (const TensorTask::Target& target : task.targets) {
    results.push_back(target.output->tensors[target.tensor].chunks[static_cast<std::size_t>(item.chunk)]);
    // Not written: a finished output has it already, if nobody has changed it.
    if (target.output->writer == nullptr) has_chunk(target, item, results.back().hash);
  }
  pass.journal.record(item.task, item.chunk, results);
  pass.count(item);
}

/// Whether two items need the same prepared quantizers.
bool same_matrix(const Pass& pass, const WorkItem& a, const WorkItem& b) {
  if (a.task != b.task) return false;
  const TensorTask::Target& target = pass.task(a).targets.front();
  const std::int64_t rows = target.output->tensors[target.tensor].rows_per_matrix;
  return a.first / rows == b.first / rows;
}

/// Prepares the quantizers of some matrices, one after the other so that each may use all threads, and then works on their rows in
/// parallel. There are enough of these to hide that threads wait for the last one.
void run_batches(const Pass& pass, const MeasuredStatistics* measured, const std::vector<WorkItem>& items) {
  constexpr int kItemsPerThread = 64;
  const std::size_t enough = static_cast<std::size_t>(pass.context.executor.threads() * kItemsPerThread);
  for (std::size_t begin = 0, end = 0; begin < items.size(); begin = end) {
    for (; end < items.size(); ++end) {
      const bool is_new = end == begin || !same_matrix(pass, items[end - 1], items[end]);
      if (is_new && end - begin >= enough) break;
      throw_if_interrupted();
      if (is_new)
        prepare_quantizers(pass.plan, measured, pass.task(items[end]), items[end].first, pass.context);
    }
    give_back_freed_memory();  // of what prepared the quantizers, and of samples in other layers
    for_each_in_order(pass.context.executor, static_cast<std::int64_t>(end - begin), [&](std::int64_t i) {
      throw_if_interrupted();
      run_item(pass, items[begin + static_cast<std::size_t>(i)]);
    });
  }
}

}  // namespace

class SourcePass::Work {
 public:
  Work(const Plan& plan, std::vector<OutputRun>& runs, Journal& journal, Executor& executor,
       const Progress& progress)
      : tasks_(make_tasks(runs)),
        counter_(progress, weights_of(plan)),
        device_(plan.backend->open(plan.device, executor)),
        context_{executor, device_.get()},
        pass_{plan, tasks_, journal, context_, counter_} {
    for (const WorkItem& item : unfinished(pass_, cut_into_chunks(plan, tasks_)))
      left_[layer_of(plan, tasks_[item.task])].push_back(item);
    // With its pages. Of finished ones other chunks are compared when they have been made again.
    for (OutputRun& run : runs)
      if (run.writer != nullptr) run.partial.reset();
    find_foldings();
  }
  bool needs_statistics() const {
    for (const auto& [layer, items] : left_)
      for (const WorkItem& item : items)
        for (const TensorTask::Target& target : tasks_[item.task].targets) {
          const PlannedTensor& planned = target.output->plan->tensors[target.tensor];
          if (target.output->folding != nullptr || planned.is_followed || !planned.sites.empty()) return true;
        }
    return false;
  }
  void run(int layer, const MeasuredStatistics* measured) {
    if (measured != nullptr)
      for (Folding* folding : foldings_) folding->choose(layer, *measured, pass_.plan.effort, context_);
    const auto found = left_.find(layer);
    if (found == left_.end()) return;
    run_batches(pass_, measured, found->second);
    left_.erase(found);
  }
  /// In the order of layers, should a Gram matrix never have been measured.
  void run_all(const MeasuredStatistics* measured) {
    if (measured != nullptr)
      for (Folding* folding : foldings_) folding->choose_rest(*measured, pass_.plan.effort, context_);
    while (!left_.empty()) run(left_.begin()->first, measured);
  }

 private:
  static std::int64_t weights_of(const Plan& plan) {
    std::int64_t total = 0;
    for (const PlannedOutput& output : plan.outputs) total += output.weights();
    return total;
  }

  /// Of the outputs of which something is left to do.
  void find_foldings() {
    std::set<const OutputRun*> known;
    for (const auto& [layer, items] : left_)
      for (const WorkItem& item : items)
        for (const TensorTask::Target& target : tasks_[item.task].targets)
          if (target.output->folding != nullptr && known.insert(target.output).second)
            foldings_.push_back(target.output->folding.get());
  }

  std::vector<TensorTask> tasks_;
  ProgressCounter counter_;
  std::unique_ptr<Device> device_;
  RunContext context_;
  Pass pass_;
  std::map<int, std::vector<WorkItem>> left_;  // by layer_of()
  std::vector<Folding*> foldings_;
};

SourcePass::SourcePass(const Plan& plan, std::vector<OutputRun>& runs, Journal& journal, Executor& executor,
                       const Progress& progress)
    : work_(std::make_unique<Work>(plan, runs, journal, executor, progress)) {}
SourcePass::~SourcePass() = default;

bool SourcePass::needs_statistics() const { return work_->needs_statistics(); }
void SourcePass::run_layer(int layer, const MeasuredStatistics& measured) { work_->run(layer, &measured); }
void SourcePass::run_rest(const MeasuredStatistics* measured) { work_->run_all(measured); }

}  // namespace pq
