// Whether groups of an encoding may take the scales of smaller stored groups.
#pragma once

#include "model/view.hpp"

namespace pq {

/// False if rows of the tensor cannot be repacked because groups of `target` are larger than the stored ones, and none of 64 rows, evenly spaced, has
/// common scales within each. Reads rows only where the groups are larger.
bool may_share_scales(const ModelView& view, std::size_t tensor, const Encoding& target,
                      const Encoding& stored);

}  // namespace pq
