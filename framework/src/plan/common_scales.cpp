#include "plan/common_scales.hpp"

#include <algorithm>

namespace pq {
namespace {

constexpr std::int64_t kSamples = 64;

// Scales and offsets of all stored groups that each group of `wide` columns touches are the same.
bool shares_scales(const AffineRow& row, std::size_t wide) {
  const auto narrow = static_cast<std::size_t>(row.group_cols);
  for (std::size_t first = 0; first < row.codes.size(); first += wide) {
    const std::size_t begin = first / narrow, end = (std::min(first + wide, row.codes.size()) - 1) / narrow;
    for (std::size_t g = begin + 1; g <= end; ++g)
      if (row.scales[g] != row.scales[begin] || row.offsets[g] != row.offsets[begin]) return false;
  }
  return true;
}

}  // namespace

bool may_share_scales(const ModelView& view, std::size_t tensor, const Encoding& target,
                      const Encoding& stored) {
  const Shape& shape = view.tensors[tensor].shape;
  const std::int64_t width = cols(shape), height = rows(shape);
  const std::int64_t wide = target.info().grid.group_cols < 0 ? width : target.info().grid.group_cols;
  const std::int64_t narrow = stored.info().grid.group_cols;
  // Columns that are not in order say nothing about neighbours.
  if (narrow <= 0 || wide <= narrow || target.shared_bytes(width) != 0 || height == 0) return true;
  std::vector<std::byte> scratch;
  AffineRow row;
  bool found = false;
  for (std::int64_t i = 0; i < std::min(kSamples, height) && !found; ++i) {
    const Bytes bytes = read_encoded_rows(view, tensor, i * height / std::min(kSamples, height), 1, scratch);
    if (!stored.unpack_affine(bytes, width, row) || row.group_cols <= 0) continue;
    found = shares_scales(row, static_cast<std::size_t>(wide));
  }
  release_rows(view, tensor, 0, height);  // the kernel maps what lies around each
  return found;
}

}  // namespace pq
