#include "calibration/gguf_matrices.hpp"

#include <algorithm>

namespace pq {
namespace {

std::int64_t matrices_of(const Shape& shape) { return shape.size() < 3 ? 1 : shape[0]; }

std::int64_t rows_of_matrix(const Shape& shape) {
  return std::max<std::int64_t>(1, shape.size() < 2 ? rows(shape) : shape[shape.size() - 2]);
}

void add_once(std::vector<GgufMatrix>& list, GgufMatrix matrix) {
  const auto same = [&](const GgufMatrix& known) {
    return known.name == matrix.name && known.matrix == matrix.matrix;
  };
  if (std::none_of(list.begin(), list.end(), same)) list.push_back(std::move(matrix));
}

}  // namespace

GgufMatrices::GgufMatrices(const OpenedModel& model, const std::filesystem::path& path)
    : is_gguf_(model.reader->header().dialect == Dialect::gguf) {
  if (is_gguf_) return;
  ViewOptions options;
  options.tensors_only = true;
  const auto view = make_view(model.reader, path, Dialect::gguf, options);
  for (const ViewTensor& tensor : view->tensors)
    if (tensor.generated.empty() && !tensor.elements && !tensor.transpose)
      add_tensor(tensor.name, tensor.shape, tensor.map);
}

void GgufMatrices::add_tensor(const std::string& name, const Shape& shape, const RowMap& map) {
  std::int64_t row = 0;
  for (const RowMap::Part& part : map.parts) {
    const auto known = by_stored_.find(part.stored);
    const bool is_listed = known != by_stored_.end() && known->second.back().name == name;
    if (!is_listed)
      by_stored_[part.stored].push_back({name, row / rows_of_matrix(shape), matrices_of(shape)});
    row += part.rows;
  }
}

std::vector<GgufMatrix> GgufMatrices::of(const ModelView& view, const WeightSlice& slice) const {
  const ViewTensor& tensor = view.tensors[slice.tensor];
  const std::int64_t number = matrices_of(tensor.shape) > 1 ? slice.matrix : 0;
  std::vector<GgufMatrix> result;
  for (const RowMap::Part& part : tensor.map.parts) {
    if (is_gguf_) {
      const TensorInfo& info = view.reader->header().tensors[part.stored];
      if ((part.transposed || tensor.transpose) != slice.transposed)
        continue;  // GGUF has it the other way round
      const std::int64_t first = part.first_row / rows_of_matrix(info.shape);
      add_once(result, {info.name, number > 0 ? number : first, matrices_of(info.shape)});
    } else if (const auto found = by_stored_.find(part.stored); found != by_stored_.end()) {
      for (GgufMatrix matrix : found->second) {
        matrix.matrix += number;
        add_once(result, std::move(matrix));
      }
    }
  }
  return result;
}

}  // namespace pq
