// What was said of a tensor, each sentence once.
#pragma once

#include "run/output_run.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace pq {

/// Sentences on matrices of a stack (experts) name those that they were said of, of more than eight the first.
class MatrixWarnings {
 public:
  explicit MatrixWarnings(const TensorRun& run)
      : matrices_(run.matrices.size()),
        chunks_per_matrix_(matrices_ == 0 ? 1 : run.chunks.size() / matrices_) {}

  /// What was said of chunk `chunk`; in the order of the chunks.
  void add(std::size_t chunk, const std::vector<std::string>& texts);
  std::vector<std::string> take() const;

 private:
  std::size_t matrices_, chunks_per_matrix_;
  std::vector<std::pair<std::string, std::vector<std::size_t>>> said_;  // text, numbers of matrices
};

}  // namespace pq
