// The exact view of rows as scale * code + offset, and the way back.
#pragma once

#include "affine/column_groups.hpp"

#include <polyquant/encoding.hpp>

namespace pq::affine {

bool unpack_row(const AffineRows& layout, const ColumnGroups& groups, const std::byte* row, AffineRow& out);
bool pack_row(const AffineRows& layout, const ColumnGroups& groups, const AffineRow& row, std::byte* out);

}  // namespace pq::affine
