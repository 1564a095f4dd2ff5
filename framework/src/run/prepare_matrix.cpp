#include "run/chunk.hpp"
#include "run/matrix_rows.hpp"
#include "run/range_check.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

namespace pq {
namespace {

/// Gives the matrix what its rows share, and the output too, which has one matrix then.
void share(const TensorTask::Target& target, MatrixRun& matrix, Bytes shared, std::int64_t cols) {
  const PlannedTensor& planned = target.output->plan->tensors[target.tensor];
  matrix.encoding = planned.encoding;
  const std::uint64_t wanted = target.output->plan->model.tensors[target.tensor].shared_bytes;
  if (shared.size() != wanted)
    throw PluginError(fmt::format(
        "tensor '{}': quantizer '{}' gives {} bytes for all rows of {}, which needs {}",
        target.output->plan->model.tensors[target.tensor].name, target.output->plan->quantizer->info().id,
        shared.size(), planned.encoding == nullptr ? "" : planned.encoding->info().spec, wanted));
  if (wanted == 0) return;
  matrix.shared.assign(shared.begin(), shared.end());
  if (planned.encoding != nullptr) matrix.encoding = planned.encoding->bind(matrix.shared, cols);
  if (target.output->writer != nullptr) target.output->writer->write_shared(target.tensor, matrix.shared);
}

void prepare_copy(const TensorTask& task, const TensorTask::Target& target, std::int64_t first_row) {
  const ViewTensor& tensor = task.view->tensors[task.view_index];
  MatrixRun& matrix = target.output->tensors[target.tensor].matrix_of(first_row);
  const auto& parts = tensor.map.parts;
  if (target.output->plan->model.tensors[target.tensor].shared_bytes != 0)
    share(target, matrix, task.view->reader->header().tensors[parts.front().stored].shared,
          cols(tensor.shape));
}

void prepare_quantizer(const Plan& plan, const MeasuredStatistics* measured, const TensorTask& task,
                       const TensorTask::Target& target, std::int64_t first_row, const RunContext& context) {
  const ViewTensor& tensor = task.view->tensors[task.view_index];
  TensorRun& run = target.output->tensors[target.tensor];
  const PlannedTensor& planned = target.output->plan->tensors[target.tensor];
  MatrixRun& matrix = run.matrix_of(first_row);
  const std::int64_t number = first_row / run.rows_per_matrix;
  QuantJob job;
  Folding* folding = target.output->folding.get();
  const Site* site = planned.sites.empty() ? nullptr : planned.sites[static_cast<std::size_t>(number)];
  if (measured != nullptr && site != nullptr) {
    job.statistics = measured->of(*site, target.output->plan->quantizer->info().needs);
    if (folding != nullptr) matrix.statistics = folding->statistics(*site, job.statistics);
    if (matrix.statistics != nullptr) job.statistics = matrix.statistics->view();
  }
  if (planned.importance != nullptr) {
    matrix.importance = planned.importance->columns(number);
    if (folding != nullptr && site != nullptr) folding->scale_importance(*site, matrix.importance);
    job.statistics.importance = matrix.importance;
  }
  matrix.rows = std::make_unique<MatrixRows>(*task.view, task.view_index, number * run.rows_per_matrix,
                                             run.rows_per_matrix, planned.stored);
  if (folding != nullptr && folding->scales(target.tensor))
    matrix.rows = std::make_unique<ScaledRows>(std::move(matrix.rows), *folding, target.tensor,
                                               number * run.rows_per_matrix);
  job.weights = matrix.rows.get();
  // The source may hold the matrices of a stack as tensors of their own: the name of the first is not that of all.
  const bool is_gathered = run.matrices.size() > 1 && tensor.map.parts.size() > 1;
  job.tensor = is_gathered || tensor.source_name.empty() ? tensor.name : tensor.source_name;
  job.rows = run.rows_per_matrix;
  job.cols = cols(tensor.shape);
  job.encoding = planned.encoding.get();
  job.effort = plan.effort;
  matrix.quantizer = target.output->plan->quantizer->prepare(job, context);
  share(target, matrix, matrix.quantizer->shared(), job.cols);
  matrix.largest = largest_stored(*matrix.encoding, job.cols);
}

}  // namespace

void prepare_quantizers(const Plan& plan, const MeasuredStatistics* measured, const TensorTask& task,
                        std::int64_t first_row, const RunContext& context) {
  for (const TensorTask::Target& target : task.targets)
    if (target.output->plan->tensors[target.tensor].route == Route::copy)
      prepare_copy(task, target, first_row);
    else
      prepare_quantizer(plan, measured, task, target, first_row, context);
}

}  // namespace pq
