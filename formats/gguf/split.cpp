#include "split.hpp"

#include "limits.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace pq::gguf {
namespace {

constexpr std::string_view kExtension = ".gguf";
constexpr std::string_view kShardPattern = "-00000-of-00000";

std::int64_t integer(const Metadata& metadata, std::string_view key, std::int64_t fallback,
                     const std::string& file) {
  try {
    return metadata.integer(key, fallback);
  } catch (const FormatError& error) {
    throw FormatError(fmt::format("{}: {}", file, error.what()));
  }
}

}  // namespace

SplitKeys split_keys(const Metadata& metadata, const std::string& file) {
  SplitKeys keys;
  keys.count = integer(metadata, kSplitCountKey, 0, file);
  if (keys.count < 0 || keys.count > static_cast<std::int64_t>(kMaxShards))
    throw FormatError(
        fmt::format("{}: key '{}' is {}, it must be 0 to {}", file, kSplitCountKey, keys.count, kMaxShards));
  if (!keys.split()) return keys;
  if (metadata.find(kSplitNumberKey) == nullptr || metadata.find(kSplitTensorsKey) == nullptr)
    throw FormatError(
        fmt::format("{}: key '{}' says that this is a part of a split model, but '{}' or '{}' is missing",
                    file, kSplitCountKey, kSplitNumberKey, kSplitTensorsKey));
  keys.number = integer(metadata, kSplitNumberKey, 0, file);
  keys.tensors = integer(metadata, kSplitTensorsKey, 0, file);
  if (keys.number < 0 || keys.number >= keys.count)
    throw FormatError(fmt::format("{}: key '{}' is {}, it must be 0 to {} as '{}' is {}", file,
                                  kSplitNumberKey, keys.number, keys.count - 1, kSplitCountKey, keys.count));
  return keys;
}

std::string shard_name(std::string_view prefix, std::uint64_t number, std::uint64_t count) {
  return fmt::format("{}-{:05}-of-{:05}{}", prefix, number + 1, count, kExtension);
}

std::optional<std::string> shard_prefix(const std::string& file_name, std::uint64_t number,
                                        std::uint64_t count) {
  const std::string suffix = shard_name("", number, count);
  if (!file_name.ends_with(suffix)) return std::nullopt;
  return file_name.substr(0, file_name.size() - suffix.size());
}

std::string output_prefix(const std::string& file_name) {
  std::string prefix = file_name;
  if (prefix.ends_with(kExtension)) prefix.resize(prefix.size() - kExtension.size());
  if (prefix.size() <= kShardPattern.size()) return prefix;
  const std::size_t at = prefix.size() - kShardPattern.size();
  const bool is_shard =
      std::equal(kShardPattern.begin(), kShardPattern.end(), prefix.begin() + static_cast<std::ptrdiff_t>(at),
                 [](char pattern, char c) { return pattern == '0' ? c >= '0' && c <= '9' : c == pattern; });
  if (is_shard) prefix.resize(at);
  return prefix;
}

}  // namespace pq::gguf
