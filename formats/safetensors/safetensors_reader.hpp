// The tensors of a store as a model.
#pragma once

#include "common/tensor_store.hpp"

#include <polyquant/format.hpp>

#include <memory>

namespace pq::hf {

/// Throws FormatError for tensors whose rows are not whole bytes.
std::unique_ptr<ModelReader> make_safetensors_reader(TensorStore store);

}  // namespace pq::hf
