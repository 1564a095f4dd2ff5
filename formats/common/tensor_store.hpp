// The stored tensors of a Hugging Face folder, or of one .safetensors file.
#pragma once

#include "common/header.hpp"
#include "common/index.hpp"

#include <polyquant/base/file.hpp>
#include <polyquant/format.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pq::hf {

/// One tensor as a file holds it.
struct StoredTensor {
  std::string name;
  const Dtype* dtype = nullptr;
  Shape shape;
  std::size_t shard = 0;
  std::uint64_t offset = 0;  // in the shard's file; data may lie at any address
  std::uint64_t bytes = 0;
};

/// An open set of shards. Immutable, callable from any thread.
class TensorStore {
 public:
  /// A folder with model.safetensors.index.json or model.safetensors (in this order; nothing else is searched for), or a file. Throws
  /// FormatError for anything missing or malformed.
  explicit TensorStore(const std::filesystem::path& path) : TensorStore(path, "model") {}
  /// As above, with BASE.safetensors.index.json or BASE.safetensors.
  TensorStore(const std::filesystem::path& path, const std::string& base);
  /// These shards of `path`, whatever their names; for outputs that are not finished.
  TensorStore(const std::filesystem::path& path, const std::vector<std::filesystem::path>& shards);

  bool is_folder() const noexcept { return is_folder_; }
  const std::filesystem::path& path() const noexcept { return path_; }
  /// By shard, then by offset.
  const std::vector<StoredTensor>& tensors() const noexcept { return tensors_; }
  /// Number of the tensor of this name.
  std::optional<std::size_t> find(std::string_view name) const noexcept;
  /// __metadata__ of all shards; of keys in several shards the first.
  const StringPairs& metadata() const noexcept { return metadata_; }
  const std::vector<std::unique_ptr<MappedFile>>& shards() const noexcept { return shards_; }
  std::string shard_name(std::size_t shard) const { return shards_[shard]->path().filename().string(); }

  /// `count` bytes of a tensor from `begin` on: a view of the mapped file.
  Bytes bytes(std::size_t tensor, std::uint64_t begin, std::uint64_t count) const;
  Bytes bytes(std::size_t tensor) const { return bytes(tensor, 0, tensors_[tensor].bytes); }
  /// A hint that these bytes are not needed soon.
  void release(std::size_t tensor, std::uint64_t begin, std::uint64_t count) const noexcept;

 private:
  void add_shard(const std::filesystem::path& file);
  void add_shards(const WeightMap& weights, const std::string& index);
  void index_names();
  void check_index(WeightMap weights, const std::string& index) const;

  std::filesystem::path path_;
  bool is_folder_ = false;
  std::vector<std::unique_ptr<MappedFile>> shards_;
  std::vector<StoredTensor> tensors_;
  std::vector<std::size_t> by_name_;
  StringPairs metadata_;
  std::set<std::string> metadata_names_;
};

}  // namespace pq::hf
