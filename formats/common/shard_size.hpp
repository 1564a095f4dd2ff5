// The option max_shard_size, which every format of folders has.
#pragma once

#include "common/size.hpp"

#include <polyquant/options.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace pq::hf {

inline constexpr const char* kShardSize = "max_shard_size";
inline constexpr const char* kUsualShardSize = "5GB";

/// The schema, and this option for the member that holds its text.
template <class Options>
Schema<Options> with_shard_size(Schema<Options> schema = {}) {
  return std::move(schema).field(
      kShardSize, &Options::max_shard_size,
      std::string("Largest size of the tensors in one file of a folder, such as 500MB or 2GiB; more go into "
                  "several files. ") +
          kSizeUnits);
}

/// Parses options with such a member, whose text must be a size.
template <class Options>
Options parse_sized(const Schema<Options>& schema, const Node& node, std::string_view where) {
  Options options = schema.parse(node, std::string(where));
  const Node* size = node.find(kShardSize);
  parse_size(options.max_shard_size, kShardSize, size == nullptr ? Mark() : size->mark());
  return options;
}

/// Bytes of a text that parse_sized() has seen.
inline std::uint64_t shard_bytes(std::string_view max_shard_size) {
  return parse_size(max_shard_size, kShardSize);
}

}  // namespace pq::hf
