// Reads folders and single files that bitsandbytes wrote.
#pragma once

#include "common/tensor_store.hpp"

#include <polyquant/format.hpp>

#include <memory>

namespace pq::bnb {

/// Weights of several tensors as one, everything else as it is stored. Throws FormatError for parts that do not fit or stand alone.
std::unique_ptr<ModelReader> make_reader(hf::TensorStore store);

}  // namespace pq::bnb
