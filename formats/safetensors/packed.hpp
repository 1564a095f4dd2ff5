// Encodings that have no safetensors dtype, kept as bytes. A tensor [rows, cols] of such an encoding is stored as U8 [rows, bytes of a row], and
// `__metadata__` says what it is: "polyquant.packed": {"NAME": {"encoding": "ternary5:group=64", "shape": [768, 1536]}, ...}. Only polyquant
// reads this; it serves encodings of new plugins before any engine knows them.
#pragma once

#include <polyquant/format.hpp>

#include <map>
#include <string>

namespace pq::hf {

inline constexpr const char* kPackedKey = "polyquant.packed";

/// What a packed tensor stands for.
struct PackedTensor {
  std::string encoding;  // spec
  Shape shape;
};

/// Value of kPackedKey.
std::string packed_metadata(const std::map<std::string, PackedTensor>& tensors);

/// Reads the value of kPackedKey; `place` begins the messages. Throws FormatError unless it is as packed_metadata() writes it.
std::map<std::string, PackedTensor> parse_packed(const std::string& text, const std::string& place);

/// Replaces shape and encoding of the packed tensors of a header, and removes the key from its metadata. Throws FormatError if a named tensor is
/// missing, is not U8, or has other rows.
void unpack_header(ModelHeader& header, const std::string& place);

/// The shape in which the rows are stored: bytes in place of columns.
Shape packed_shape(const Shape& shape, std::uint64_t row_bytes);

}  // namespace pq::hf
