// The second half of a header: names, shapes, types and places of the tensors.
#pragma once

#include "cursor.hpp"
#include "header.hpp"

#include <cstdint>
#include <vector>

namespace pq::gguf {

/// Reads `count` tensor infos. Throws FormatError for wrong names, shapes, types, and sizes that overflow.
std::vector<StoredTensor> read_tensors(Cursor& in, std::uint64_t count);

/// Throws FormatError unless all tensors lie aligned, inside the file and apart from each other, under unique names.
void check_placement(Cursor& in, const FileHeader& header, std::uint64_t file_bytes);

/// A tensor that has the name of another one, nullptr if there is none; for one file or all shards.
const StoredTensor* find_duplicate(std::vector<const StoredTensor*> tensors);

}  // namespace pq::gguf
