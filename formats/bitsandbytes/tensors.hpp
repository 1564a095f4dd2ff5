// The weights of bitsandbytes, which are stored as several tensors.
#pragma once

#include "bitsandbytes/quant_state.hpp"
#include "common/joined_tensor.hpp"
#include "common/tensor_store.hpp"

#include <polyquant/format.hpp>

#include <memory>
#include <string>

namespace pq::bnb {

using Weight = hf::JoinedTensor;

/// The weight that the tensor number `state`, named NAME.quant_state.bitsandbytes__nf4 or __fp4, describes. Throws FormatError for
/// anything missing or unfitting.
std::unique_ptr<Weight> open_four_bit(const hf::TensorStore& store, std::size_t state);

/// The weight of the I8 tensor number `codes`, named MODULE.weight, with MODULE.SCB and perhaps MODULE.weight_format.
std::unique_ptr<Weight> open_int8(const hf::TensorStore& store, std::size_t codes);

/// "FILE: tensor 'NAME'", the begin of messages.
std::string place_of(const hf::TensorStore& store, std::size_t tensor);

}  // namespace pq::bnb
