// A folder of numbers and scales as a plain model.
#pragma once

#include "scaled_blocks/join.hpp"

namespace pq::hf {

/// Tensors that belong together are one; config.json loses `quantization_config`, which describes the folder and not the model. Throws
/// FormatError for scales without numbers, and for shapes and types that do not fit.
std::unique_ptr<ModelReader> make_joined_reader(TensorStore store, const JoinRule& rule);

}  // namespace pq::hf
