#include "reader.hpp"

#include "check.hpp"

#include <polyquant/base/error.hpp>

#include <utility>

namespace pq::gguf {

Reader::Reader(std::vector<Shard> shards) : shards_(std::move(shards)) {
  header_.dialect = Dialect::gguf;
  header_.metadata = shards_[0].header.metadata;
  for (std::size_t s = 0; s < shards_.size(); ++s) {
    const Shard& shard = shards_[s];
    for (const StoredTensor& tensor : shard.header.tensors) {
      header_.tensors.push_back({tensor.name, tensor.shape, std::string(tensor.type->name), tensor.row_bytes,
                                 shard.name, shard.header.data_start + tensor.offset});
      shard_of_.push_back(s);
    }
  }
}

Reader::Range Reader::range(std::size_t tensor, std::int64_t first, std::int64_t count) const {
  PQ_ASSERT(tensor < header_.tensors.size(), "the tensor must be one of the header");
  const TensorInfo& info = header_.tensors[tensor];
  const std::int64_t total = pq::rows(info.shape);
  PQ_ASSERT(first >= 0 && count >= 0 && first <= total && count <= total - first,
            "the rows must be inside the tensor");
  return {info.offset + info.row_bytes * static_cast<std::uint64_t>(first),
          info.row_bytes * static_cast<std::uint64_t>(count)};
}

Bytes Reader::rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                   std::vector<std::byte>&) const {
  const Range wanted = range(tensor, first, count);
  return shards_[shard_of_[tensor]].file->bytes(wanted.offset, wanted.bytes);
}

void Reader::release(std::size_t tensor, std::int64_t first, std::int64_t count) const {
  const Range done = range(tensor, first, count);
  shards_[shard_of_[tensor]].file->release(done.offset, done.bytes);
}

std::vector<std::string> Reader::check() const { return check_shards(shards_); }

}  // namespace pq::gguf
