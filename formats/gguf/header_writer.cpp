#include "header_writer.hpp"

#include "limits.hpp"
#include "value_io.hpp"

#include <polyquant/base/bytes.hpp>

namespace pq::gguf {
namespace {

void append_tensor(std::vector<std::byte>& out, const TensorEntry& tensor) {
  append_string(out, *tensor.name);
  append_number(out, static_cast<std::uint32_t>(tensor.shape->size()));
  // On disk the row length comes first.
  for (auto size = tensor.shape->rbegin(); size != tensor.shape->rend(); ++size)
    append_number(out, static_cast<std::uint64_t>(*size));
  append_number(out, tensor.type->id);
  append_number(out, tensor.offset);
}

}  // namespace

std::vector<std::byte> make_header(const std::vector<const Metadata::Entry*>& keys,
                                   const std::vector<TensorEntry>& tensors) {
  std::vector<std::byte> out;
  append_bytes(out, std::as_bytes(std::span(kMagic)));
  append_number(out, kWrittenVersion);
  append_number<std::uint64_t>(out, tensors.size());
  append_number<std::uint64_t>(out, keys.size());
  for (const Metadata::Entry* key : keys) {
    append_string(out, key->first);
    append_value(out, key->second);
  }
  for (const TensorEntry& tensor : tensors) append_tensor(out, tensor);
  out.resize(round_up(out.size(), kDefaultAlignment));
  return out;
}

}  // namespace pq::gguf
