// The header of one file: what stands before the tensors' bytes.
#pragma once

#include "types.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/metadata.hpp>
#include <polyquant/base/shape.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace pq::gguf {

/// One tensor of a file. All sizes are checked against the file.
struct StoredTensor {
  std::string name;
  Shape shape;  // [out, in]: the reverse of the order on disk
  const TensorType* type = nullptr;
  std::uint64_t row_bytes = 0;
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;  // from data_start
};

struct FileHeader {
  std::uint32_t version = 0;
  Metadata metadata;
  std::uint64_t alignment = 0;
  std::uint64_t data_start =
      0;  // padded end of the header; with no tensors possibly beyond the end of the file
  std::vector<StoredTensor> tensors;
  std::vector<std::string> notes;  // oddities that do not prevent reading, each a sentence with its place
};

/// Reads and checks a header; `file` names the file in messages. Refuses (FormatError) whatever the specification forbids, before any
/// allocation follows a size that the file claims. Tolerates what can be read without doubt although ggml refuses it: gaps between
/// tensors, tensors in another order than their offsets, names of 64 bytes, missing padding at the end; the model's check() reports these.
FileHeader read_header(Bytes bytes, const std::string& file);

}  // namespace pq::gguf
