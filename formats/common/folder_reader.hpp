// What the readers of folders share whose tensors are stored as they are, or in several parts.
#pragma once

#include "common/joined_tensor.hpp"
#include "common/tensor_store.hpp"

#include <memory>
#include <vector>

namespace pq::hf {

/// Metadata and side files of a store.
ModelHeader header_of(const TensorStore& store);

/// A subclass adds the tensors in its constructor.
class FolderReader : public ModelReader {
 public:
  const ModelHeader& header() const final { return header_; }
  Bytes rows(std::size_t tensor, std::int64_t first, std::int64_t count,
             std::vector<std::byte>& scratch) const final;
  void release(std::size_t tensor, std::int64_t first, std::int64_t count) const final;

 protected:
  FolderReader(std::unique_ptr<const TensorStore> store, ModelHeader header)
      : store_(std::move(store)), header_(std::move(header)) {}

  const TensorStore& store() const noexcept { return *store_; }
  /// Its size in the files is that of all its parts.
  void add_joined(std::unique_ptr<const JoinedTensor> joined);
  /// The tensor `index` of the store as it is. Throws FormatError if its rows are not whole bytes.
  void add_plain(std::size_t index);

 private:
  struct Place {
    std::size_t stored = 0;
    std::unique_ptr<const JoinedTensor> joined;  // nullptr: stored as it is
  };

  std::unique_ptr<const TensorStore> store_;
  ModelHeader header_;
  std::vector<Place> places_;  // parallel to header_.tensors
};

}  // namespace pq::hf
