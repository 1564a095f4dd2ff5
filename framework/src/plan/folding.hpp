// Which channels of a model an output may scale.
#pragma once

#include "plan/plan.hpp"

#include <polyquant/base/node.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pq {

class ForwardModel;

/// One matrix of an output that reads a scaled value and gets codes.
struct FoldedMatrix {
  std::size_t tensor = 0;   // of the output
  std::int64_t matrix = 0;  // of a stack
};

/// The folds of one output. Immutable after planning.
struct PlannedFolding {
  std::shared_ptr<const ForwardModel> model;
  std::vector<std::vector<FoldedMatrix>> readers;  // by fold of the model; empty: it stays as it is
  std::vector<char> is_scaled;                     // by tensor of the output: some fold changes its weights
};

/// Finds the folds for the folder of the output, whose tensors have their sites by now, and lets the tensors that change be encoded anew. Throws
/// ConfigError at `mark` if there are none; adds a sentence to `warnings` about those that must stay as they are.
void plan_folding(PlannedOutput& output, std::shared_ptr<const ForwardModel> model, const Mark& mark,
                  std::vector<std::string>& warnings);

/// Of a tensor that may be a stack of matrices.
std::int64_t rows_of_matrix(const Shape& shape);

/// Bytes of what exists beside everything else while scales are chosen and used.
std::uint64_t folding_bytes(const PlannedOutput& output, int threads);

}  // namespace pq
