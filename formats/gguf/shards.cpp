#include "shards.hpp"

#include "limits.hpp"
#include "quote.hpp"
#include "split.hpp"
#include "tensor_reader.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

namespace pq::gguf {
namespace {

Shard open_one(const std::filesystem::path& path) {
  Shard shard;
  shard.file = std::make_unique<MappedFile>(path);
  shard.header = read_header(shard.file->bytes(), path.string());
  shard.name = path.filename().string();
  return shard;
}

// The prefix from which the names of the other parts follow.
std::string prefix_of(const std::filesystem::path& path, const SplitKeys& keys) {
  const auto number = static_cast<std::uint64_t>(keys.number), count = static_cast<std::uint64_t>(keys.count);
  const std::string name = path.filename().string();
  const auto prefix = shard_prefix(name, number, count);
  if (!prefix)
    throw FormatError(fmt::format(
        "{}: this is part {} of {} of a split model, but its name does not end in '{}', so the other parts "
        "cannot be found; rename it",
        path.string(), number + 1, count, shard_name("", number, count)));
  if (number != 0)
    throw FormatError(fmt::format("{}: this is part {} of {} of a split model; open the first part '{}'",
                                  path.string(), number + 1, count,
                                  (path.parent_path() / shard_name(*prefix, 0, count)).string()));
  return *prefix;
}

Shard open_part(const std::filesystem::path& path, const SplitKeys& first, std::int64_t number) {
  if (!std::filesystem::exists(path))
    throw FormatError(fmt::format("{}: part {} of {} of the split model is missing", path.string(),
                                  number + 1, first.count));
  Shard shard = open_one(path);
  const SplitKeys keys = split_keys(shard.header.metadata, path.string());
  if (keys.number != number || keys.count != first.count || keys.tensors != first.tensors)
    throw FormatError(fmt::format(
        "{}: the keys say part {} of {} with {} tensors in all, but part {} of {} with {} belongs here",
        path.string(), keys.number + 1, keys.count, keys.tensors, number + 1, first.count, first.tensors));
  return shard;
}

void check_together(const std::vector<Shard>& shards, const SplitKeys& keys, const std::string& file) {
  std::vector<const StoredTensor*> all;
  for (const Shard& shard : shards)
    for (const StoredTensor& tensor : shard.header.tensors) all.push_back(&tensor);
  if (static_cast<std::int64_t>(all.size()) != keys.tensors)
    throw FormatError(fmt::format("{}: key '{}' is {}, but the {} parts hold {} tensors", file,
                                  kSplitTensorsKey, keys.tensors, shards.size(), all.size()));
  if (const StoredTensor* twice = find_duplicate(std::move(all)))
    throw FormatError(
        fmt::format("{}: tensor {} is in two parts of the split model", file, quote(twice->name)));
}

}  // namespace

std::vector<Shard> open_shards(const std::filesystem::path& path) {
  std::vector<Shard> shards;
  shards.push_back(open_one(path));
  const SplitKeys keys = split_keys(shards[0].header.metadata, path.string());
  if (!keys.split()) return shards;
  const std::string prefix = prefix_of(path, keys);
  for (std::int64_t i = 1; i < keys.count; ++i) {
    const std::string name =
        shard_name(prefix, static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(keys.count));
    shards.push_back(open_part(path.parent_path() / name, keys, i));
  }
  check_together(shards, keys, path.string());
  return shards;
}

std::vector<Shard> open_files(const std::vector<std::filesystem::path>& paths) {
  std::vector<Shard> shards;
  shards.push_back(open_one(paths.at(0)));
  const SplitKeys keys = split_keys(shards[0].header.metadata, paths[0].string());
  for (std::size_t i = 1; i < paths.size(); ++i)
    shards.push_back(open_part(paths[i], keys, static_cast<std::int64_t>(i)));
  if (keys.split()) check_together(shards, keys, paths[0].string());
  return shards;
}

}  // namespace pq::gguf
