// Metadata values on disk: a type id, then the value; arrays are an element type, a count and the elements without gaps.
#pragma once

#include "cursor.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/metadata.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pq::gguf {

/// Reads a type id and the value after it. Throws FormatError for an unknown type, for a value that does not fit into the file (before
/// allocating anything) and for an array of arrays, which ggml refuses too and MetaValue cannot hold.
MetaValue read_value(Cursor& in);

/// Appends the type id and the value.
void append_value(std::vector<std::byte>& out, const MetaValue& value);

/// Appends a length and the bytes.
void append_string(std::vector<std::byte>& out, std::string_view text);

/// Appends bytes as they are.
void append_bytes(std::vector<std::byte>& out, Bytes bytes);

/// Appends a number, little-endian.
template <class T>
void append_number(std::vector<std::byte>& out, T value) {
  append_bytes(out, std::as_bytes(std::span<const T, 1>(&value, 1)));
}

}  // namespace pq::gguf
