#include "run/produced_weights.hpp"

#include <algorithm>

namespace pq {

ProducedWeights::Rows& ProducedWeights::rows_of(const ModelReader& reader, std::size_t stored) {
  const std::lock_guard lock(mutex_);
  Rows& result = replaced_[stored];
  const Shape& shape = reader.header().tensors[stored].shape;
  if (result.values.empty()) {
    result.values.resize(static_cast<std::size_t>(elements(shape)));
    result.is_there.resize(static_cast<std::size_t>(rows(shape)));
  }
  return result;
}

void ProducedWeights::put(const ModelView& view, std::size_t tensor, std::int64_t first, ConstMatrix rows) {
  const RowMap& map = view.tensors[tensor].map;
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    const auto [stored, row] = map.source(first + r);
    Rows& to = rows_of(*view.reader, stored);
    const auto from = rows.row(r);
    std::copy(from.begin(), from.end(), to.values.begin() + row * rows.cols);
    to.is_there[static_cast<std::size_t>(row)] = 1;
  }
}

void ProducedWeights::read(std::size_t tensor, std::int64_t first, Matrix out,
                           std::vector<std::byte>& scratch) const {
  original_.read(tensor, first, out, scratch);
  const ViewTensor& wanted = view().tensors[tensor];
  // Such tensors are read from what is never replaced (CalibrationPlanner).
  if (replaced_.empty() || wanted.elements || wanted.is_transposed() || wanted.add != 0 ||
      !wanted.generated.empty())
    return;
  for (std::int64_t r = 0; r < out.rows; ++r) {
    const auto [stored, row] = wanted.map.source(first + r);
    const auto found = replaced_.find(stored);
    if (found == replaced_.end() || found->second.is_there[static_cast<std::size_t>(row)] == 0) continue;
    std::copy_n(found->second.values.begin() + row * out.cols, out.cols, out.row(r).begin());
  }
}

}  // namespace pq
