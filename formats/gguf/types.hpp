// The tensor types of ggml and the sizes of their blocks.
#pragma once

#include <cstdint>
#include <string_view>

namespace pq::gguf {

/// One row of types.inc.
struct TensorType {
  std::uint32_t id = 0;
  std::string_view name;             // also the spec of the encoding
  std::uint32_t block_elements = 0;  // 0: removed from ggml
  std::uint32_t block_bytes = 0;

  bool removed() const noexcept { return block_elements == 0; }
  /// Types with blocks have a version of their own: general.quantization_version.
  bool quantized() const noexcept { return block_elements > 1; }
};

/// The type with this id, removed ones included, or nullptr.
const TensorType* find_type(std::uint32_t id) noexcept;

/// The type that holds an encoding, or nullptr: its name is the encoding's spec. Removed types hold nothing.
const TensorType* find_type(std::string_view encoding) noexcept;

}  // namespace pq::gguf
