// An open GGUF model.
#pragma once

#include "shards.hpp"

#include <polyquant/format.hpp>

#include <string>
#include <vector>

namespace pq::gguf {

/// Rows are views of the mapped files. The metadata is that of the first file.
class Reader final : public ModelReader {
 public:
  /// A model out of open_shards() or open_files().
  explicit Reader(std::vector<Shard> shards);

  const ModelHeader& header() const override { return header_; }
  Bytes rows(std::size_t tensor, std::int64_t first, std::int64_t count,
             std::vector<std::byte>& scratch) const override;
  void release(std::size_t tensor, std::int64_t first, std::int64_t count) const override;
  std::vector<std::string> check() const override;

 private:
  struct Range {
    std::uint64_t offset = 0, bytes = 0;
  };
  Range range(std::size_t tensor, std::int64_t first, std::int64_t count) const;

  std::vector<Shard> shards_;
  std::vector<std::size_t> shard_of_;  // by tensor
  ModelHeader header_;
};

}  // namespace pq::gguf
