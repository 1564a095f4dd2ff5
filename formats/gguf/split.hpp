// Models in several files: PREFIX-00001-of-00003.gguf, ..., each a complete GGUF file with three keys that say which part it is.
#pragma once

#include <polyquant/base/metadata.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace pq::gguf {

inline constexpr std::uint64_t kMaxShards = 65535;  // split.count is a u16

/// What a file says about its part. Any integer type is accepted here; check() demands the exact ones.
struct SplitKeys {
  std::int64_t number = 0;    // split.no: 0-based
  std::int64_t count = 0;     // split.count: 0 and 1 = not split
  std::int64_t tensors = -1;  // split.tensors.count over all files; -1 = absent
  bool split() const noexcept { return count > 1; }
};
/// `file` names the file in messages. Throws FormatError for wrong types and numbers that contradict each other.
SplitKeys split_keys(const Metadata& metadata, const std::string& file);

/// "m", 0, 3 -> "m-00001-of-00003.gguf".
std::string shard_name(std::string_view prefix, std::uint64_t number, std::uint64_t count);

/// The prefix of a file name that shard_name() would give, or nothing.
std::optional<std::string> shard_prefix(const std::string& file_name, std::uint64_t number,
                                        std::uint64_t count);

/// The prefix for an output at this path: without ".gguf" and without the number of a shard.
std::string output_prefix(const std::string& file_name);

}  // namespace pq::gguf
