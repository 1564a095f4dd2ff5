// One chunk of work: some rows of one tensor, for all outputs that share the view.
#pragma once

#include "run/measured.hpp"
#include "run/output_run.hpp"

#include <vector>

namespace pq {

/// One tensor of a view and the outputs that want it.
struct TensorTask {
  struct Target {
    OutputRun* output = nullptr;
    std::size_t tensor = 0;  // in output->plan->tensors
  };
  const ModelView* view = nullptr;
  std::size_t view_index = 0;
  std::vector<Target> targets;
  std::size_t first_stored = 0;  // smallest stored tensor it reads: orders the pass by place in the source
};

/// Memory of one thread, reused from chunk to chunk.
struct ChunkScratch {
  std::vector<std::byte> stored, encoded;
  std::vector<float> weights, scaled, decoded;
  AffineRow affine, near;
};

/// Prepares the quantizers for the matrix that row `first_row` belongs to, of all targets that need one. May use all threads. `measured`
/// nullptr: the plan has no calibration.
void prepare_quantizers(const Plan& plan, const MeasuredStatistics* measured, const TensorTask& task,
                        std::int64_t first_row, const RunContext& context);

/// Reads rows [first, first + count), converts and writes them for every target; the quantizers are prepared. `chunk` is their number within
/// the tensor. Throws FormatError for weights that are no numbers, VerifyError for weights that the encoding cannot hold.
void process_chunk(const Plan& plan, const TensorTask& task, std::int64_t chunk, std::int64_t first,
                   std::int64_t count, ChunkScratch& scratch);

}  // namespace pq
