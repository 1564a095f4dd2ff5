#include "common/shard_plan.hpp"

#include "common/index.hpp"
#include "common/printable.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace pq::hf {
namespace {

std::uint64_t checked_bytes(const PlannedTensor& tensor) {
  const auto bytes = stored_bytes(*tensor.dtype, tensor.shape);
  if (!bytes)
    throw ConfigError(fmt::format(
        "tensor {}: shape {} of {} cannot be stored: its size overflows or is no whole number of bytes",
        shown(tensor.name), to_string(tensor.shape), tensor.dtype->name));
  return *bytes;
}

void check_names(const std::vector<PlannedTensor>& tensors, const StringPairs& metadata) {
  std::set<std::string_view> names;
  for (const PlannedTensor& tensor : tensors) {
    if (tensor.name == "__metadata__" || !is_utf8(tensor.name) || tensor.name.find('\0') != std::string::npos)
      throw ConfigError(
          fmt::format("a tensor cannot have the name {} in a safetensors file", shown(tensor.name)));
    if (!names.insert(tensor.name).second)
      throw ConfigError(fmt::format("two tensors have the name {}; a safetensors file needs unique ones",
                                    shown(tensor.name)));
  }
  std::uint64_t bytes = 0;
  for (const auto& [key, value] : metadata) bytes += key.size() + value.size();
  if (bytes > kMaxHeaderBytes)
    throw ConfigError(fmt::format("the metadata has {} bytes, readers of safetensors accept {}; shorten it",
                                  bytes, kMaxHeaderBytes));
  for (const auto& [key, value] : metadata)
    if (!is_utf8(key) || !is_utf8(value))
      throw ConfigError(
          fmt::format("metadata {} is not UTF-8 text, safetensors files hold nothing else", shown(key)));
}

StringPairs with_format(StringPairs metadata) {
  const auto is_format = [](const auto& entry) { return entry.first == "format"; };
  if (std::none_of(metadata.begin(), metadata.end(), is_format)) metadata.emplace_back("format", "pt");
  return metadata;
}

// Numbers of the tensors of each shard, in the given order.
std::vector<std::vector<std::size_t>> split(const std::vector<PlannedTensor>& tensors,
                                            std::uint64_t max_bytes) {
  std::vector<std::vector<std::size_t>> shards;
  std::vector<std::size_t> current;
  std::uint64_t current_bytes = 0;
  for (std::size_t i = 0, end = 0; i < tensors.size(); i = end) {
    std::uint64_t bytes = checked_bytes(tensors[i]);
    for (end = i + 1; end < tensors.size() && tensors[end].with_previous; ++end) {
      const auto sum = checked_add(bytes, checked_bytes(tensors[end]));
      if (!sum) throw ConfigError("the sizes of all tensors together overflow");
      bytes = *sum;
    }
    std::vector<std::size_t> together(end - i);
    std::iota(together.begin(), together.end(), i);
    if (bytes >
        max_bytes) {  // alone, while the current shard stays open (huggingface_hub, split_state_dict_into_shards_factory)
      shards.push_back(std::move(together));
      continue;
    }
    if (bytes > max_bytes - current_bytes) {
      shards.push_back(std::move(current));
      current.clear();
      current_bytes = 0;
    }
    current.insert(current.end(), together.begin(), together.end());
    current_bytes += bytes;
  }
  if (!current.empty() || shards.empty()) shards.push_back(std::move(current));
  return shards;
}

ShardPlan plan_shard(const std::vector<PlannedTensor>& tensors, std::vector<std::size_t> members,
                     const StringPairs& metadata, std::size_t shard, std::vector<TensorPlace>& places) {
  std::sort(members.begin(), members.end(), [&](std::size_t a, std::size_t b) {
    // Dtypes are rows of one table in rising order.
    if (tensors[a].dtype != tensors[b].dtype) return tensors[a].dtype > tensors[b].dtype;
    return tensors[a].name < tensors[b].name;
  });
  std::vector<HeaderTensor> header;
  std::uint64_t offset = 0;
  for (const std::size_t i : members) {
    const std::uint64_t bytes = checked_bytes(tensors[i]);
    const auto end = checked_add(offset, bytes);
    if (!end) throw ConfigError("the sizes of all tensors together overflow");
    header.push_back({tensors[i].name, tensors[i].dtype, tensors[i].shape, offset, *end});
    places[i] = {shard, offset, bytes};
    offset = *end;
  }
  ShardPlan plan;
  plan.header = serialize_header(header, metadata);
  plan.bytes = plan.header.size() + offset;
  for (const std::size_t i : members) places[i].offset += plan.header.size();
  return plan;
}

FolderPlan plan_members(const std::vector<PlannedTensor>& tensors, const StringPairs& metadata,
                        const std::vector<std::vector<std::size_t>>& members) {
  check_names(tensors, metadata);
  const StringPairs written = with_format(metadata);
  FolderPlan plan;
  plan.places.resize(tensors.size());
  for (std::size_t shard = 0; shard < members.size(); ++shard)
    plan.shards.push_back(plan_shard(tensors, members[shard], written, shard, plan.places));
  return plan;
}

}  // namespace

FolderPlan plan_shards(const std::vector<PlannedTensor>& tensors, const StringPairs& metadata,
                       std::uint64_t max_bytes) {
  const auto members = split(tensors, max_bytes);
  FolderPlan plan = plan_members(tensors, metadata, members);
  if (plan.shards.size() == 1) {
    plan.shards[0].file = kSingleFile;
    return plan;
  }
  WeightMap weights;
  std::uint64_t total = 0;
  for (std::size_t shard = 0; shard < plan.shards.size(); ++shard) {
    plan.shards[shard].file = fmt::format("model-{:05}-of-{:05}.safetensors", shard + 1, plan.shards.size());
    for (const std::size_t i : members[shard]) weights.emplace(tensors[i].name, plan.shards[shard].file);
  }
  for (const TensorPlace& place : plan.places) total += place.bytes;
  plan.index = serialize_index(weights, total);
  return plan;
}

std::uint64_t bytes_of(const FolderPlan& plan, std::size_t first, std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t i = first; i < first + count; ++i) sum += plan.places.at(i).bytes;
  return sum;
}

FolderPlan plan_single(const std::vector<PlannedTensor>& tensors, const StringPairs& metadata,
                       const std::string& file) {
  std::vector<std::size_t> all(tensors.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  FolderPlan plan = plan_members(tensors, metadata, {all});
  plan.shards[0].file = file;
  return plan;
}

}  // namespace pq::hf
