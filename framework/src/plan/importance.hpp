// The importance of columns: which entries of an importance matrix belong to the tensors of an output.
#pragma once

#include "calibration/imatrix.hpp"
#include "model/view.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pq {

struct Plan;
struct SampleSet;
struct PlannedOutput;

/// Importance of the columns of one tensor. Callable from any thread.
struct TensorImportance {
  std::shared_ptr<const Imatrix> imatrix;
  const ImatrixEntry* entry = nullptr;
  std::int64_t first_matrix = 0;  // of the entry: what the first matrix of the tensor uses
  std::int64_t matrices = 1;      // of the tensor: one importance each
  std::int64_t entry_matrices = 1;
  std::int64_t rows_per_matrix = 0;
  /// Mean squares of the inputs of matrix `matrix`; empty = nothing is known, all columns count equally.
  std::vector<float> columns(std::int64_t matrix) const {
    return imatrix->mean_squares(*entry, first_matrix + matrix, entry_matrices);
  }
};

/// Gives the tensors of an output that can use it their importance, and adds to `warnings` one sentence for each kind of gap: tensors and
/// experts that were not measured, entries that no tensor has, and a matrix that is not used at all. Throws FormatError for an entry whose
/// size does not fit its tensor (but for embeddings: those are left without, with a warning), and if no entry fits the model.
void add_importance(PlannedOutput& output, const std::shared_ptr<const Imatrix>& imatrix,
                    std::vector<std::string>& warnings);

/// One sentence if encodings of the output are poor without importance and tensors have none.
/// `needs_importance`: the recipe says so of all its encodings that use importance.
void warn_of_missing_importance(const PlannedOutput& output, bool needs_importance,
                                std::vector<std::string>& warnings);

/// The same keys for a matrix that the run measures itself; there is no file to name.
void record_calibration(PlannedOutput& output, const SampleSet& samples);

/// The metadata keys by which llama-quantize records the matrix that it used.
void record_importance(Metadata& metadata, const Imatrix& imatrix);

}  // namespace pq
