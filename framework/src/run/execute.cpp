#include "config/place.hpp"
#include "plan/calibration.hpp"
#include "run/failure.hpp"
#include "run/figures.hpp"
#include "run/matrix_warnings.hpp"
#include "run/measured.hpp"
#include "run/pass.hpp"
#include "run/peak_memory.hpp"
#include "run/run.hpp"
#include "run/run_state.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <optional>

namespace pq {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void start_outputs(const Plan& plan, RunState& state, std::vector<OutputRun>& runs) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const PlannedOutput& output = plan.outputs[i];
    runs[i].plan = &output;
    if (output.folding != nullptr) runs[i].folding = std::make_unique<Folding>(output);
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

TensorResult sum_chunks(const TensorRun& run) {
  TensorResult result;
  MatrixWarnings warnings(run);
  for (std::size_t i = 0; i < run.chunks.size(); ++i) {
    const ChunkResult& chunk = run.chunks[i];
    result.squared_error += chunk.squared_error;
    result.squared_weight += chunk.squared_weight;
    result.exact_rows += chunk.exact_rows;
    result.near_rows += chunk.near_rows;
    warnings.add(i, chunk.warnings);
    add_figures(chunk.figures, result.figures);
  }
  result.warnings = warnings.take();
  return result;
}

std::unique_ptr<ModelReader> reopened(const OutputRun& run) {
  auto reader = run.writer->reopen();
  if (reader == nullptr)
    throw PluginError(
        fmt::format("format '{}' cannot read an output before it has its final name, so that it "
                    "cannot be verified; its writer needs reopen()",
                    run.plan->format->info().id));
  return reader;
}

/// Lets the outputs give their weights to the samples, if these shall go through quantized layers.
ProducedWeights* follow(const Plan& plan, std::vector<OutputRun>& runs,
                        std::optional<ProducedWeights>& produced) {
  if (!plan.calibration->quantized_inputs) return nullptr;
  produced.emplace(*plan.calibration->weights);
  for (OutputRun& run : runs) run.produced = &*produced;
  return &*produced;
}

/// Activations that are not finite are so the next time, too.
MeasuredStatistics measure(const Plan& plan, Executor& executor, const RunOptions& options, SourcePass& pass,
                           ProducedWeights* produced) {
  try {
    return MeasuredStatistics(
        plan, executor, options.measuring,
        [&](int layer, const MeasuredStatistics& so_far) { pass.run_layer(layer, so_far); }, produced);
  } catch (const FormatError& error) {
    throw Lasting<FormatError>(full_message(error));
  }
}

/// Verifies every output under its partial name, puts all on the disk meanwhile, and only then gives final names, so that a failure leaves
/// none. Outputs without a writer were finished by an interrupted run, and their chunks were compared.
void verify_and_seal(std::vector<OutputRun>& runs, RunState& state, Executor& executor) {
  std::vector<std::unique_ptr<ModelReader>> readers;
  for (const OutputRun& run : runs) readers.push_back(run.writer == nullptr ? nullptr : reopened(run));
  auto on_disk = std::async(std::launch::async, [&runs] {
    for (OutputRun& run : runs)
      if (run.writer != nullptr) run.writer->flush();
  });
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (readers[i] != nullptr) verify_output(runs[i], *readers[i], executor);
    readers[i].reset();
  }
  on_disk.get();
  state.record_sealing();
  for (OutputRun& run : runs)
    if (run.writer != nullptr) run.writer->seal();
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
  std::optional<ProducedWeights> produced;
  std::optional<MeasuredStatistics> measured;
  bool started = false;
  try {
    start_outputs(plan, state, runs);
    started = true;
    SourcePass pass(plan, runs, state.journal(), executor, progress);
    if (plan.calibration != nullptr && pass.needs_statistics())
      measured.emplace(measure(plan, executor, options, pass, follow(plan, runs, produced)));
    pass.run_rest(measured ? &*measured : nullptr);
    release_all(*plan.reader);  // read no more: its pages need not lie beside those of the outputs
    verify_and_seal(runs, state, executor);
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
    rethrow_with_advice(failure, plan.calibration != nullptr && plan.calibration->quantized_inputs);
  }
  state.remove();
  RunResult result;
  if (measured) result.calibration = measured->result();
  for (const OutputRun& run : runs) {
    OutputResult output;
    for (const TensorRun& tensor : run.tensors) output.tensors.push_back(sum_chunks(tensor));
    if (run.folding != nullptr) output.folds = run.folding->results();
    output.seconds = static_cast<double>(run.nanoseconds.load()) * 1e-9 / executor.threads();
    result.outputs.push_back(std::move(output));
  }
  result.seconds = seconds_since(start);
  result.peak_memory_bytes = peak_memory_bytes();
  return result;
}

}  // namespace pq
