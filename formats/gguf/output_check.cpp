#include "output_check.hpp"

#include "limits.hpp"
#include "quote.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace pq::gguf {
namespace {

void check_unique(std::vector<std::string_view> names, std::string_view what) {
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) throw ConfigError(fmt::format("gguf: {} {} is there twice", what, quote(*twice)));
}

void check_text(std::string_view text, std::string_view what, std::size_t limit) {
  if (text.empty()) throw ConfigError(fmt::format("gguf: a {} is empty", what));
  if (text.size() > limit)
    throw ConfigError(fmt::format("gguf: {} {} is {} bytes long, llama.cpp reads at most {}", what,
                                  quote(text), text.size(), limit));
  if (!is_utf8(text) || text.find('\0') != text.npos)
    throw ConfigError(fmt::format("gguf: {} {} is not valid UTF-8 text", what, quote(text)));
}

// Whether the number of bytes fits into 63 bits, with zeros counted as one as the reader does.
bool too_large(const Shape& shape, std::uint64_t bytes_per_element) {
  std::uint64_t count = bytes_per_element;
  for (const std::int64_t size : shape) {
    const auto product = checked_mul(count, static_cast<std::uint64_t>(std::max<std::int64_t>(size, 1)));
    if (!product || *product > INT64_MAX) return true;
    count = *product;
  }
  return false;
}

void check_tensor(const OutputTensor& tensor) {
  check_text(tensor.name, "tensor name", kMaxGgmlNameBytes);
  if (const auto reason = refusal(tensor.encoding, tensor.shape))
    throw ConfigError(fmt::format("gguf: tensor {}: {}", quote(tensor.name), *reason));
  const TensorType& type = *find_type(tensor.encoding);
  const std::uint64_t row_bytes =
      static_cast<std::uint64_t>(cols(tensor.shape)) / type.block_elements * type.block_bytes;
  if (tensor.row_bytes != row_bytes)
    throw ConfigError(
        fmt::format("gguf: tensor {}: rows of {} {} take {} bytes in ggml, but the encoding makes {}",
                    quote(tensor.name), cols(tensor.shape), type.name, row_bytes, tensor.row_bytes));
}

}  // namespace

std::optional<std::string> refusal(std::string_view encoding, const Shape& shape) {
  const TensorType* type = find_type(encoding);
  if (type == nullptr) return fmt::format("encoding {} is not one of ggml's types", quote(encoding));
  if (shape.size() > kMaxDims)
    return fmt::format("shape {} has more than {} dimensions", to_string(shape), kMaxDims);
  if (std::any_of(shape.begin(), shape.end(), [](std::int64_t size) { return size < 0; }) ||
      too_large(shape, type->block_bytes))
    return fmt::format("shape {} is negative or too large", to_string(shape));
  if (cols(shape) % type->block_elements != 0)
    return fmt::format("rows of {} are not a multiple of the {} weights in a block of {}", cols(shape),
                       type->block_elements, type->name);
  return std::nullopt;
}

void check_output(const OutputModel& model) {
  std::vector<std::string_view> names, keys;
  for (const OutputTensor& tensor : model.tensors) {
    check_tensor(tensor);
    names.push_back(tensor.name);
  }
  check_unique(std::move(names), "tensor name");
  for (const auto& [key, value] : model.metadata.entries()) {
    check_text(key, "key", kMaxKeyBytes);
    keys.push_back(key);
  }
  check_unique(std::move(keys), "key");
}

}  // namespace pq::gguf
