// Why a tensor cannot have an encoding, in words.
#pragma once

#include "model/view.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pq {

/// "tensor 'blk.0.ffn_down.weight' [576, 1536]"
std::string describe(const ViewTensor& tensor);

/// Why the rows of the tensor are no whole blocks of this encoding, or nothing.
std::optional<std::string> column_obstacle(const Encoding& encoding, const Shape& shape);

/// True if the role of the tensor is one of these; where the architecture is unknown the usual names must do.
bool is_plain_role(const std::vector<std::string>& roles, const ViewTensor& tensor);

}  // namespace pq
