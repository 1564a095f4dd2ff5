// The header of one safetensors file: reading with all checks of the reference reader, and writing in its order.
#pragma once

#include "common/dtype.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/shape.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pq::hf {

/// The reference reader refuses longer headers, so writers must not make them.
inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

/// One tensor of a file.
struct HeaderTensor {
  std::string name;
  const Dtype* dtype = nullptr;
  Shape shape;
  std::uint64_t begin = 0;  // in the byte buffer
  std::uint64_t end = 0;    // exclusive
};

using StringPairs = std::vector<std::pair<std::string, std::string>>;

struct Header {
  std::vector<HeaderTensor> tensors;  // by offset; unique names
  StringPairs metadata;               // __metadata__, in file order
  std::uint64_t data_begin = 0;       // where the byte buffer begins in the file
};

/// Reads and checks the header of a whole file. `where` begins every message. Throws FormatError for everything that the reference reader
/// refuses, and for duplicate names. Memory is in proportion to the header that is really there.
Header parse_header(Bytes file, const std::string& where);

/// Bytes of `elements(shape)` elements, or nothing on overflow or if they are no whole bytes.
std::optional<std::uint64_t> stored_bytes(const Dtype& dtype, const Shape& shape) noexcept;

/// The start of a file: length, JSON, and spaces up to a multiple of 8. Tensors must be in order of their offsets. Throws ConfigError if it
/// would be longer than readers accept.
std::string serialize_header(const std::vector<HeaderTensor>& tensors, const StringPairs& metadata);

}  // namespace pq::hf
