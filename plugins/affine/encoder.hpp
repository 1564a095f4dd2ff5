// Rows on their way into bytes.
#pragma once

#include "affine/column_groups.hpp"
#include "affine/kernels.hpp"

#include <span>
#include <vector>

namespace pq::affine {

/// Fits all groups of some rows; the importance is prepared once.
class RowFitter {
 public:
  /// `importance`: empty, or one number per column.
  RowFitter(const AffineRows& layout, const ColumnGroups& groups, std::span<const float> importance,
            Effort effort);
  /// fits[g * rows.rows + r]: of group g in row r.
  void fit(ConstMatrix rows, GroupFit* fits) const;

 private:
  const AffineRows& layout_;
  bool natural_;
  Effort effort_;
  std::vector<std::vector<std::int32_t>> columns_;  // of each group, unless natural
  std::vector<std::vector<float>> importance_;      // of those columns, relative to the largest
};

std::unique_ptr<RowEncoder> make_encoder(const AffineOptions& options, const ColumnGroups& groups,
                                         const EncodeRequest& request);

}  // namespace pq::affine
