// Making the header of one file.
#pragma once

#include "types.hpp"

#include <polyquant/base/metadata.hpp>
#include <polyquant/base/shape.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace pq::gguf {

struct TensorEntry {
  const std::string* name = nullptr;
  const Shape* shape = nullptr;  // [out, in]
  const TensorType* type = nullptr;
  std::uint64_t offset = 0;  // from the padded end of the header
};

/// The bytes before the data: magic, version 3, keys in this order, tensors, zero padding to the alignment of 32.
std::vector<std::byte> make_header(const std::vector<const Metadata::Entry*>& keys,
                                   const std::vector<TensorEntry>& tensors);

}  // namespace pq::gguf
