#include "tensor_reader.hpp"

#include "limits.hpp"
#include "quote.hpp"

#include <polyquant/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace pq::gguf {
namespace {

// Sizes must also fit into signed 64 bits: shapes are signed.
constexpr std::uint64_t kMaxSize = INT64_MAX;

void read_name(Cursor& in, StoredTensor& tensor) {
  const std::string_view name = in.string("the name");
  if (name.size() > kMaxNameBytes)
    in.fail(
        fmt::format("the name {} is {} bytes long, {} are allowed", quote(name), name.size(), kMaxNameBytes));
  if (!is_utf8(name) || name.find('\0') != name.npos)
    in.fail(fmt::format("the name {} is not valid UTF-8 text", quote(name)));
  tensor.name = name;
}

void read_shape(Cursor& in, StoredTensor& tensor) {
  const auto dims = in.number<std::uint32_t>("the number of dimensions");
  if (dims > kMaxDims)
    in.fail(
        fmt::format("{} dimensions at byte {}, at most {} are allowed", dims, in.position() - 4, kMaxDims));
  tensor.shape.resize(dims);
  for (std::uint32_t i = 0; i < dims; ++i) {
    const auto size = in.number<std::uint64_t>("a dimension");
    if (size > kMaxSize)
      in.fail(fmt::format("dimension {} is {}, it must be between 0 and 2^63 - 1", i, size));
    tensor.shape[dims - 1 - i] = static_cast<std::int64_t>(size);  // on disk the row length comes first
  }
}

void read_type(Cursor& in, StoredTensor& tensor) {
  const auto id = in.number<std::uint32_t>("the type");
  tensor.type = find_type(id);
  if (tensor.type == nullptr)
    in.fail(fmt::format(
        "tensor type {} is unknown; the file may be made by a fork of llama.cpp, or need a newer polyquant",
        id));
  if (tensor.type->removed())
    in.fail(fmt::format("tensor type {} ({}) was removed from ggml; quantize the model again", id,
                        tensor.type->name));
}

// A product of sizes, or a refusal. Zeros count as one, so that no partial product in any order can overflow.
std::uint64_t multiply(Cursor& in, std::uint64_t a, std::uint64_t b, const Shape& shape) {
  const auto product = checked_mul(std::max<std::uint64_t>(a, 1), std::max<std::uint64_t>(b, 1));
  if (!product || *product > kMaxSize)
    in.fail(fmt::format("shape {} is too large: its size overflows 63 bits", to_string(shape)));
  return *product;
}

void set_sizes(Cursor& in, StoredTensor& tensor) {
  const auto columns = static_cast<std::uint64_t>(cols(tensor.shape));
  const TensorType& type = *tensor.type;
  if (columns % type.block_elements != 0)
    in.fail(fmt::format("rows of {} cannot be of type {}, whose blocks are {} elements", columns, type.name,
                        type.block_elements));
  std::uint64_t count = 1;
  for (const std::int64_t size : tensor.shape)
    count = multiply(in, count, static_cast<std::uint64_t>(size), tensor.shape);
  multiply(in, count, type.block_bytes, tensor.shape);  // more than enough room for what follows
  tensor.row_bytes = columns / type.block_elements * type.block_bytes;
  tensor.bytes = tensor.row_bytes * static_cast<std::uint64_t>(rows(tensor.shape));
}

void check_bounds(Cursor& in, const StoredTensor& tensor, std::uint64_t alignment, std::uint64_t data_bytes) {
  if (tensor.offset % alignment != 0)
    in.fail(fmt::format("offset {} is not a multiple of the alignment {}", tensor.offset, alignment));
  const auto end = checked_add(tensor.offset, tensor.bytes);
  if (!end || *end > data_bytes)
    in.fail(
        fmt::format("{} bytes at offset {} of the data are needed, but the file holds {} bytes of data; it "
                    "is truncated or damaged",
                    tensor.bytes, tensor.offset, data_bytes));
}

void check_apart(Cursor& in, std::vector<const StoredTensor*> tensors) {
  std::sort(tensors.begin(), tensors.end(),
            [](const StoredTensor* a, const StoredTensor* b) { return a->offset < b->offset; });
  for (std::size_t i = 1; i < tensors.size(); ++i) {
    const StoredTensor& a = *tensors[i - 1];
    const StoredTensor& b = *tensors[i];
    if (a.offset + a.bytes <= b.offset) continue;
    in.set_subject("tensor " + quote(b.name));
    in.fail(
        fmt::format("its bytes at offset {} of the data overlap those of tensor {} ({} bytes at offset {})",
                    b.offset, quote(a.name), a.bytes, a.offset));
  }
}

}  // namespace

std::vector<StoredTensor> read_tensors(Cursor& in, std::uint64_t count) {
  std::vector<StoredTensor> tensors;
  for (std::uint64_t i = 0; i < count; ++i) {
    in.set_subject(fmt::format("tensor {} of {}", i + 1, count));
    StoredTensor tensor;
    read_name(in, tensor);
    in.set_subject("tensor " + quote(tensor.name));
    read_shape(in, tensor);
    read_type(in, tensor);
    set_sizes(in, tensor);
    tensor.offset = in.number<std::uint64_t>("the offset");
    tensors.push_back(std::move(tensor));
  }
  in.set_subject("");
  return tensors;
}

void check_placement(Cursor& in, const FileHeader& header, std::uint64_t file_bytes) {
  if (header.tensors.empty()) return;  // then nothing has to follow the header
  if (header.data_start > file_bytes)
    in.fail(
        fmt::format("the data would begin at byte {}, but the file ends at {}; it is truncated or damaged",
                    header.data_start, file_bytes));
  std::vector<const StoredTensor*> all, stored;
  for (const StoredTensor& tensor : header.tensors) {
    in.set_subject("tensor " + quote(tensor.name));
    check_bounds(in, tensor, header.alignment, file_bytes - header.data_start);
    all.push_back(&tensor);
    if (tensor.bytes > 0) stored.push_back(&tensor);
  }
  in.set_subject("");
  if (const StoredTensor* twice = find_duplicate(std::move(all)))
    in.fail(fmt::format("tensor {} is there twice", quote(twice->name)));
  check_apart(in, std::move(stored));
}

const StoredTensor* find_duplicate(std::vector<const StoredTensor*> tensors) {
  // Sorted rather than hashed: a hostile file can make names collide.
  std::sort(tensors.begin(), tensors.end(),
            [](const StoredTensor* a, const StoredTensor* b) { return a->name < b->name; });
  const auto twice =
      std::adjacent_find(tensors.begin(), tensors.end(),
                         [](const StoredTensor* a, const StoredTensor* b) { return a->name == b->name; });
  return twice == tensors.end() ? nullptr : *twice;
}

}  // namespace pq::gguf
