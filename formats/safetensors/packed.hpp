// Encodings that have no safetensors dtype, kept as bytes. A tensor [rows, cols] of such an encoding is stored as U8 [rows, bytes of a row], and
// `__metadata__` says what it is: "polyquant.packed": {"NAME": {"encoding": "ternary5:group=64", "shape": [768, 1536]}, ...}. Only polyquant
// reads this; it serves encodings of new plugins before any engine knows them. What all rows of a tensor share stands in a U8 tensor of one
// dimension beside it, which "shared" names: {"encoding": "nf4:...", "shape": [768, 1536], "shared": "NAME.polyquant_shared"}.
#pragma once

#include "common/tensor_store.hpp"

#include <polyquant/format.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace pq::hf {

inline constexpr const char* kPackedKey = "polyquant.packed";
inline constexpr const char* kSharedEnd = ".polyquant_shared";

/// Of the bytes that the rows of one tensor share; a reader copies them. One int32 per column is the most that an encoding asks for so far.
inline constexpr std::uint64_t kMaxSharedBytes = 64ull << 20;

/// What a packed tensor stands for.
struct PackedTensor {
  std::string encoding;  // spec
  Shape shape;
  std::string shared = {};  // name of the tensor with the bytes that its rows share; empty: they share none
};

/// Value of kPackedKey.
std::string packed_metadata(const std::map<std::string, PackedTensor>& tensors);

/// Reads the value of kPackedKey; `place` begins the messages. Throws FormatError unless it is as packed_metadata() writes it.
std::map<std::string, PackedTensor> parse_packed(const std::string& text, const std::string& place);

/// Replaces shape and encoding of the packed tensors of a header, whose tensors are those of the store, takes in what their rows share, and
/// removes the key from its metadata. Throws FormatError if a named tensor is missing, is not U8, has other rows, or shares too much.
void unpack_header(ModelHeader& header, const TensorStore& store);

/// The shape in which the rows are stored: bytes in place of columns.
Shape packed_shape(const Shape& shape, std::uint64_t row_bytes);

}  // namespace pq::hf
