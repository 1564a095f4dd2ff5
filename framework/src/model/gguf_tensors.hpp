// The tensors of a GGUF file under today's names.
#pragma once

#include <polyquant/format.hpp>

#include <string>
#include <vector>

namespace pq {

/// One tensor and the stored tensors that make it: itself, or (files from before experts were stacked) one for each expert, of equal size.
struct GgufTensor {
  std::string name;
  Shape shape;
  std::vector<std::size_t> stored;
};

/// In file order; a stack stands where its first expert does. Throws FormatError, naming `place`, for experts that are missing or of
/// different shapes.
std::vector<GgufTensor> gguf_tensors(const ModelHeader& header, const std::string& place);

}  // namespace pq
