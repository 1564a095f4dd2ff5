// Under which name GGUF knows the matrices that a model reads.
#pragma once

#include "forward/weights.hpp"
#include "model/open_model.hpp"
#include "model/view.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace pq {

/// One matrix of a GGUF tensor.
struct GgufMatrix {
  std::string name;
  std::int64_t matrix = 0, matrices = 1;
};

/// Immutable.
class GgufMatrices {
 public:
  /// Throws FormatError if the model has no form in GGUF.
  GgufMatrices(const OpenedModel& model, const std::filesystem::path& path);

  /// The matrices that hold rows of this one and have the same input; none if GGUF has another matrix in its place. `view`: the model in
  /// the Hugging Face dialect.
  std::vector<GgufMatrix> of(const ModelView& view, const WeightSlice& slice) const;

 private:
  void add_tensor(const std::string& name, const Shape& shape, const RowMap& map);
  std::map<std::size_t, std::vector<GgufMatrix>>
      by_stored_;  // tensors of the reader; the first matrix with rows of it
  bool is_gguf_ = false;
};

}  // namespace pq
