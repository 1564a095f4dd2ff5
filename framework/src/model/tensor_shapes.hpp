// Whether the tensors of a folder have the shapes that its config.json gives.
#pragma once

#include "model/scope.hpp"
#include "model/tensor_links.hpp"

#include <polyquant/format.hpp>

#include <string>

namespace pq {

/// The end of a message: the keys that config.json lacks and the class default filled in, often the cause of a mismatch; "" if there are none.
std::string defaults_note(const ConfigScope& scope);

/// Throws FormatError, naming `place` (of the model), tensor and keys, if a tensor that the link needs has another shape. `name` and `shape` are
/// those of the tensor, `file` the one of several that it lies in, or "".
void check_shape(const TensorLink& link, const std::string& name, const Shape& shape,
                 const std::string& place, const std::string& file, const ConfigScope& scope);

}  // namespace pq
