// Which group each column of a tensor belongs to.
#pragma once

#include <polyquant/codec/affine_rows.hpp>

#include <cstdint>
#include <vector>

namespace pq::affine {

/// `of` is empty where column i belongs to group i / group_cols.
struct ColumnGroups {
  std::vector<std::int32_t> of;

  bool natural() const noexcept { return of.empty(); }
  const std::int32_t* data() const noexcept { return of.empty() ? nullptr : of.data(); }
  std::size_t group(const AffineRows& layout, std::size_t column) const noexcept {
    return natural() ? column / layout.group_cols() : static_cast<std::size_t>(of[column]);
  }
  /// The columns of each group, ascending; a group may have none.
  std::vector<std::vector<std::int32_t>> columns(const AffineRows& layout) const {
    std::vector<std::vector<std::int32_t>> result(layout.groups());
    for (std::size_t i = 0; i < layout.cols(); ++i)
      result[group(layout, i)].push_back(static_cast<std::int32_t>(i));
    return result;
  }
};

}  // namespace pq::affine
