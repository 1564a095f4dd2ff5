// The element types of safetensors (reference reader: safetensors/src/tensor.rs, enum Dtype).
#pragma once

#include <string_view>

namespace pq::hf {

/// One element type. Objects are rows of a constant table: compare pointers.
struct Dtype {
  std::string_view name;      // in the file: "BF16"
  std::string_view encoding;  // spec of the encoding with these bytes: "bf16"
  int bits = 0;
};

/// The type of a name in a file, or nullptr.
const Dtype* find_dtype(std::string_view name) noexcept;

/// The type that stores this encoding, or nullptr.
const Dtype* dtype_of_encoding(std::string_view spec) noexcept;

}  // namespace pq::hf
