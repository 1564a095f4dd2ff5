// Why a tensor cannot have an encoding, in words.
#pragma once

#include "model/view.hpp"

#include <optional>
#include <string>

namespace pq {

/// "tensor 'blk.0.ffn_down.weight' [576, 1536]"
std::string describe(const ViewTensor& tensor);

/// Why the rows of the tensor are no whole blocks of this encoding, or nothing.
std::optional<std::string> column_obstacle(const Encoding& encoding, const Shape& shape);

}  // namespace pq
