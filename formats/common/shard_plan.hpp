// Where every tensor of an output goes: the files, their exact headers, and the index. Pure computation.
#pragma once

#include "common/header.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace pq::hf {

/// One tensor to be written.
struct PlannedTensor {
  std::string name;
  const Dtype* dtype = nullptr;
  Shape shape;
  bool with_previous = false;  // in the shard of the tensor before it, whose part it is
};

struct ShardPlan {
  std::string file;         // name
  std::string header;       // the first bytes of the file, exactly
  std::uint64_t bytes = 0;  // of the whole file
};

struct TensorPlace {
  std::size_t shard = 0;
  std::uint64_t offset = 0;  // in the shard's file
  std::uint64_t bytes = 0;
};

struct FolderPlan {
  std::vector<ShardPlan> shards;
  std::vector<TensorPlace> places;  // parallel to the tensors
  std::string index;                // text of the index; empty if there is one file only
};

/// Shards of at most `max_bytes` of tensors (a larger tensor gets its own), filled in the given order as transformers does it; within a
/// shard the reference writer's order: dtype by falling alignment, then name. `{"format": "pt"}` is added to the metadata if it names no
/// format: transformers refuses files without. Throws ConfigError for names that are taken twice, reserved, or no UTF-8.
FolderPlan plan_shards(const std::vector<PlannedTensor>& tensors, const StringPairs& metadata,
                       std::uint64_t max_bytes);

/// Of `count` tensors from `first` on together.
std::uint64_t bytes_of(const FolderPlan& plan, std::size_t first, std::size_t count);

/// All in one file of this name.
FolderPlan plan_single(const std::vector<PlannedTensor>& tensors, const StringPairs& metadata,
                       const std::string& file);

}  // namespace pq::hf
