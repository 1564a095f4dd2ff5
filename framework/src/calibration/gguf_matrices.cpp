#include "calibration/gguf_matrices.hpp"

#include <algorithm>

namespace pq {
namespace {

std::int64_t rows_of_matrix(const Shape& shape) {
  return std::max<std::int64_t>(1, shape.size() < 2 ? rows(shape) : shape[shape.size() - 2]);
}

/// Calls visit(part, rows of the map that it gives). Rotary order moves rows inside a head only, and matrices are made of whole heads, so it
/// does not matter here.
template <class Visit>
void for_parts(const RowMap& map, Visit visit) {
  std::int64_t start = 0;
  for (std::size_t i = 0; i < map.parts.size();) {
    const std::int64_t lanes = map.parts[i].lanes, count = map.parts[i].rows;
    for (std::int64_t lane = 0; lane < lanes; ++lane)
      visit(map.parts[i + static_cast<std::size_t>(lane)], RowSteps{start + lane, count, lanes});
    start += count * lanes;
    i += static_cast<std::size_t>(lanes);
  }
}

/// What the rows `some` of a part, which are among `all`, are in the stored tensor: rows, or columns of a transposed part.
RowSteps stored_lines(const RowMap::Part& part, const RowSteps& all, const RowSteps& some) {
  return {part.first_row + (some.first - all.first) / all.step * part.step, some.count,
          some.step / all.step * part.step};
}

/// The map of a tensor that is stored as it stands.
bool is_identity(const ViewTensor& tensor) {
  const RowMap& map = tensor.map;
  return map.order == RowMap::Order::natural && map.parts.size() == 1 && !map.parts[0].transposed &&
         map.parts[0].first_row == 0 && map.parts[0].step == 1 && map.parts[0].rows == rows(tensor.shape);
}

}  // namespace

GgufMatrices::GgufMatrices(const OpenedModel& model, const std::filesystem::path& path) {
  ViewOptions options;
  options.tensors_only = true;
  const auto view = make_view(model.reader, path, Dialect::gguf, options);
  for (const ViewTensor& tensor : view->tensors)
    if (tensor.generated.empty() && !tensor.elements && !tensor.transpose) add_tensor(tensor);
  for (auto& [of, ranges] : ranges_) {
    std::sort(ranges.begin(), ranges.end(),
              [](const Range& a, const Range& b) { return a.lines.first < b.lines.first; });
    std::int64_t last = -1;
    for (Range& range : ranges) range.last = last = std::max(last, range.lines.last());
  }
}

void GgufMatrices::add_tensor(const ViewTensor& tensor) {
  const std::int64_t height = rows_of_matrix(tensor.shape), matrices = rows(tensor.shape) / height;
  for_parts(tensor.map, [&](const RowMap::Part& part, const RowSteps& all) {
    if (all.empty()) return;
    for (std::int64_t matrix = all.first / height; matrix <= all.last() / height; ++matrix)
      if (const RowSteps some = common_rows(all, {matrix * height, height}); !some.empty())
        ranges_[{part.stored, part.transposed}].push_back(
            {stored_lines(part, all, some), 0, tensors_.size(), matrix});
  });
  tensors_.push_back({tensor.name, matrices});
}

void GgufMatrices::add_found(const Lines& of, const RowSteps& lines, std::vector<GgufMatrix>& found) const {
  const auto known = ranges_.find(of);
  if (known == ranges_.end()) return;
  const std::vector<Range>& ranges = known->second;
  auto range = std::upper_bound(ranges.begin(), ranges.end(), lines.last(),
                                [](std::int64_t last, const Range& r) { return last < r.lines.first; });
  while (range != ranges.begin() && (--range)->last >= lines.first)
    if (!common_rows(range->lines, lines).empty())
      found.push_back({tensors_[range->tensor].name, range->matrix, tensors_[range->tensor].matrices});
}

std::vector<GgufMatrix> GgufMatrices::of(const ModelView& view, const WeightSlice& slice) const {
  const ViewTensor& tensor = view.tensors[slice.tensor];
  const bool is_mapped = slice.transposed == tensor.transpose;  // rows of the slice are rows of the map
  std::vector<GgufMatrix> found;
  if (!is_mapped && !is_identity(tensor)) return found;
  const std::int64_t height = slice.transposed ? cols(tensor.shape) : rows_of_matrix(tensor.shape);
  for (std::int64_t group = 0; group < slice.groups; ++group) {
    const std::int64_t first = slice.matrix * height + group * (height / slice.groups) + slice.first;
    const RowSteps wanted{first, slice.count, slice.step};
    if (is_mapped)
      for_parts(tensor.map, [&](const RowMap::Part& part, const RowSteps& all) {
        if (const RowSteps some = common_rows(all, wanted); !some.empty())
          add_found({part.stored, part.transposed}, stored_lines(part, all, some), found);
      });
    else
      add_found({tensor.map.parts[0].stored, true}, wanted, found);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace pq
