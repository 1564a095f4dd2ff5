// The column codec of affine.
#pragma once

#include "affine/encoder.hpp"

#include <memory>

namespace pq::affine {

/// Scales are fitted group by group for the weights as they are then; with groups that are not contiguous all before the first column.
std::unique_ptr<ColumnCodec> make_columns(const AffineOptions& options, const ColumnGroups& groups,
                                          std::int64_t rows, std::int64_t cols, Effort effort);

}  // namespace pq::affine
