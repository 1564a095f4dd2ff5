// model.safetensors.index.json: which shard holds which tensor.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace pq::hf {

inline constexpr std::string_view kSingleFile = "model.safetensors";
inline constexpr std::string_view kFileEnd = ".safetensors";
inline constexpr std::string_view kIndexEnd = ".safetensors.index.json";
inline constexpr std::string_view kIndexFile = "model.safetensors.index.json";

/// Tensor name to file name, by name. std::map: the order is that of the written file.
using WeightMap = std::map<std::string, std::string>;

/// Reads an index. Throws FormatError, beginning with `where`, for invalid JSON, names listed twice, and file names that are no plain names
/// (a folder in a name could lead out of the model's folder). `metadata` in it is ignored: total_size is often wrong.
WeightMap parse_index(std::string_view text, const std::string& where);

/// The text of an index, byte for byte as transformers writes it.
std::string serialize_index(const WeightMap& weights, std::uint64_t total_bytes);

}  // namespace pq::hf
