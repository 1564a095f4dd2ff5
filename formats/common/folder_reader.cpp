#include "common/folder_reader.hpp"

#include "common/printable.hpp"
#include "common/side_files.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <utility>

namespace pq::hf {

ModelHeader header_of(const TensorStore& store) {
  ModelHeader header;
  header.dialect = Dialect::huggingface;
  for (const auto& [key, value] : store.metadata()) header.metadata.append(key, value);
  if (store.is_folder()) header.side_files = find_side_files(store.path());
  return header;
}

Bytes FolderReader::rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                         std::vector<std::byte>& scratch) const {
  const Place& place = places_.at(tensor);
  const std::uint64_t size = header_.tensors[tensor].row_bytes;
  const auto at = static_cast<std::uint64_t>(first) * size, bytes = static_cast<std::uint64_t>(count) * size;
  if (place.joined == nullptr) return store_->bytes(place.stored, at, bytes);
  scratch.resize(bytes);
  place.joined->read(static_cast<std::size_t>(first), static_cast<std::size_t>(count), scratch.data());
  return scratch;
}

// Bytes at the ends may belong to other rows too; they are read again then.
void FolderReader::release(std::size_t tensor, std::int64_t first, std::int64_t count) const {
  const Place& place = places_.at(tensor);
  const std::int64_t all = pq::rows(header_.tensors[tensor].shape);
  if (all == 0) return;
  if (place.joined == nullptr || !place.joined->is_spread()) {
    const std::uint64_t row_bytes = store_->tensors()[place.stored].bytes / static_cast<std::uint64_t>(all);
    store_->release(place.stored, static_cast<std::uint64_t>(first) * row_bytes,
                    static_cast<std::uint64_t>(count) * row_bytes);
  } else if (first + count == all) {
    for (const std::size_t part : place.joined->parts())
      store_->release(part, 0, store_->tensors()[part].bytes);
  }
}

void FolderReader::add_joined(std::unique_ptr<const JoinedTensor> joined) {
  TensorInfo info = joined->info();
  info.stored_bytes = 0;
  for (const std::size_t part : joined->parts()) info.stored_bytes += store_->tensors()[part].bytes;
  header_.tensors.push_back(std::move(info));
  places_.push_back({joined->parts().front(), std::move(joined)});
}

void FolderReader::add_plain(std::size_t index) {
  const StoredTensor& tensor = store_->tensors()[index];
  const auto bytes = stored_bytes(*tensor.dtype, {cols(tensor.shape)});
  if (!bytes)
    throw FormatError(
        fmt::format("{}: tensor {}: rows are not whole bytes", store_->path().string(), shown(tensor.name)));
  header_.tensors.push_back({tensor.name, tensor.shape, std::string(tensor.dtype->encoding), *bytes,
                             store_->shard_name(tensor.shard), tensor.offset});
  places_.push_back({index, nullptr});
}

}  // namespace pq::hf
