// Under which name GGUF knows the matrices that a model reads.
#pragma once

#include "calibration/row_steps.hpp"
#include "forward/weights.hpp"
#include "model/open_model.hpp"
#include "model/view.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace pq {

/// One matrix of a GGUF tensor.
struct GgufMatrix {
  std::string name;
  std::int64_t matrix = 0, matrices = 1;
  auto operator<=>(const GgufMatrix&) const = default;
};

/// Immutable.
class GgufMatrices {
 public:
  /// Throws FormatError if the model has no form in GGUF.
  GgufMatrices(const OpenedModel& model, const std::filesystem::path& path);

  /// The matrices that hold rows of this one and have the same input, by name; none if GGUF has another matrix in its place. `view`: the
  /// model in the Hugging Face dialect.
  std::vector<GgufMatrix> of(const ModelView& view, const WeightSlice& slice) const;

 private:
  /// A tensor of the reader, and whether its columns are counted rather than its rows.
  using Lines = std::pair<std::size_t, bool>;
  /// Lines that one GGUF matrix is made of.
  struct Range {
    RowSteps lines;
    std::int64_t last = 0;  // the largest line of this range and those before it
    std::size_t tensor = 0;
    std::int64_t matrix = 0;
  };
  struct Tensor {
    std::string name;
    std::int64_t matrices = 1;
  };

  void add_tensor(const ViewTensor& tensor);
  void add_found(const Lines& of, const RowSteps& lines, std::vector<GgufMatrix>& found) const;

  std::vector<Tensor> tensors_;
  std::map<Lines, std::vector<Range>> ranges_;  // by first line
};

}  // namespace pq
