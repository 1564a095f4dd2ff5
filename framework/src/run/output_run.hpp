// One output while it is being written.
#pragma once

#include "plan/plan.hpp"
#include "run/folding.hpp"
#include "run/produced_weights.hpp"
#include "run/run.hpp"

#include <polyquant/quantizer.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace pq {

/// What the chunk [first_row, first_row + rows) of one tensor gave.
struct ChunkResult {
  double squared_error = 0;
  double squared_weight = 0;
  std::int64_t exact_rows = 0, near_rows = 0;
  std::uint64_t hash = 0;  // hash_rows() of what was written
  std::vector<std::string> warnings;
  std::vector<QuantFigure> figures;
};

/// The rows of a tensor that share an importance: all of it, or one matrix of a stack. The quantizer is prepared before the first chunk
/// and freed after the last.
struct MatrixRun {
  std::vector<float> importance;                     // of the columns; the quantizer looks at it
  std::unique_ptr<const TensorRows> rows;            // likewise
  std::shared_ptr<const HostStatistics> statistics;  // with scales of channels in them; likewise
  std::unique_ptr<const TensorQuantizer> quantizer;
  std::vector<std::byte> shared;             // by all rows
  std::shared_ptr<const Encoding> encoding;  // of the rows, bound to that
  float largest = 0;                         // weight that it can store (range_check.hpp)
  std::atomic<std::int64_t> chunks_left{0};
};

/// A tensor of an output while its chunks are processed.
struct TensorRun {
  std::vector<MatrixRun> matrices;
  std::int64_t rows_per_matrix = 0, rows_per_chunk = 0;
  std::vector<ChunkResult> chunks;  // in row order, so that sums do not depend on the threads
  MatrixRun& matrix_of(std::int64_t row) { return matrices[static_cast<std::size_t>(row / rows_per_matrix)]; }
  void finish_chunk(std::int64_t first_row) {
    MatrixRun& matrix = matrix_of(first_row);
    if (--matrix.chunks_left > 0) return;
    matrix.quantizer.reset();
    matrix.rows.reset();
    matrix.statistics.reset();
    std::vector<float>().swap(matrix.importance);  // an assignment would keep the memory
  }
};

struct OutputRun {
  const PlannedOutput* plan = nullptr;
  std::unique_ptr<ModelWriter> writer;     // nullptr: an interrupted run had finished this output
  std::unique_ptr<ModelReader> partial;    // what an interrupted run had written, while it is compared
  std::atomic<std::uint64_t> compared{0};  // bytes
  std::vector<TensorRun> tensors;          // parallel to plan->tensors
  std::unique_ptr<Folding> folding;        // nullptr: no channels are scaled
  ProducedWeights* produced = nullptr;     // gets what the rows decode to; nullptr: nobody asks
  std::atomic<std::int64_t> nanoseconds{0};
};

/// Rows of the chunk that begins with row `first`: at most `step`, and none beyond its matrix of `rows_per_matrix` rows.
inline std::int64_t rows_of_chunk(std::int64_t first, std::int64_t rows_per_matrix, std::int64_t step) {
  return std::min(step, rows_per_matrix - first % rows_per_matrix);
}

/// 64-bit hash (XXH3) of written rows and of what all rows of the tensor share, used to compare what is read back.
std::uint64_t hash_rows(Bytes rows, Bytes shared);

/// Index of an output's tensor in a reader of what was written; throws VerifyError if it is missing or not as planned.
std::size_t find_tensor(const OutputRun& output, const ModelReader& reader, std::size_t index);

/// Gives back all mapped pages of a model.
void release_all(const ModelReader& reader);

/// Reads the written output back and compares every tensor's place and every chunk's hash; throws VerifyError naming the first difference.
void verify_output(const OutputRun& output, const ModelReader& reader, Executor& executor);

}  // namespace pq
