#include "check.hpp"

#include "check_tokenizer.hpp"
#include "limits.hpp"
#include "quote.hpp"
#include "split.hpp"

#include <polyquant/base/text.hpp>

#include <fmt/format.h>

#include <variant>

namespace pq::gguf {
namespace {

using Problems = std::vector<std::string>;

// ggml demands that the tensors follow each other without gaps, in the order in which they are listed (gguf.cpp).
void check_offsets(const Shard& shard, Problems& problems) {
  std::uint64_t expected = 0;
  for (const StoredTensor& tensor : shard.header.tensors) {
    if (tensor.offset != expected) {
      problems.push_back(
          fmt::format("{}: tensor {}: offset {} should be {}, as llama.cpp allows no gaps and no other order",
                      shard.name, quote(tensor.name), tensor.offset, expected));
      return;  // all that follow would be reported too
    }
    expected = round_up(expected + tensor.bytes, shard.header.alignment);
  }
  const std::uint64_t end = shard.header.data_start + expected;
  if (!shard.header.tensors.empty() && end > shard.file->size())
    problems.push_back(fmt::format("{}: the padding after the last tensor is missing: {} bytes, {} expected",
                                   shard.name, shard.file->size(), end));
}

void check_names(const Shard& shard, Problems& problems) {
  for (const StoredTensor& tensor : shard.header.tensors) {
    if (tensor.name.empty()) problems.push_back(fmt::format("{}: a tensor has an empty name", shard.name));
    if (tensor.name.size() > kMaxGgmlNameBytes)
      problems.push_back(fmt::format("{}: tensor {}: the name is {} bytes long, llama.cpp reads at most {}",
                                     shard.name, quote(tensor.name), tensor.name.size(), kMaxGgmlNameBytes));
  }
}

template <class T>
void check_type(const Shard& shard, std::string_view key, std::string_view type, Problems& problems) {
  const MetaValue* value = shard.header.metadata.find(key);
  if (value != nullptr && !std::holds_alternative<T>(*value))
    problems.push_back(fmt::format("{}: key '{}' has type {}, llama.cpp reads only {}", shard.name, key,
                                   type_name(*value), type));
}

void check_split_types(const Shard& shard, Problems& problems) {
  check_type<std::uint16_t>(shard, kSplitNumberKey, "u16", problems);
  check_type<std::uint16_t>(shard, kSplitCountKey, "u16", problems);
  check_type<std::int32_t>(shard, kSplitTensorsKey, "i32", problems);
}

void check_alignment(const Shard& shard, Problems& problems) {
  if (shard.header.alignment % 8 != 0)
    problems.push_back(fmt::format("{}: the alignment is {}, the specification demands a multiple of 8",
                                   shard.name, shard.header.alignment));
}

bool is_text(const MetaValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return is_utf8(*text);
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
    for (const std::string& text : *texts)
      if (!is_utf8(text)) return false;
  }
  return true;
}

void check_texts(const Shard& shard, Problems& problems) {
  for (const auto& [key, value] : shard.header.metadata.entries())
    if (!is_text(value))
      problems.push_back(fmt::format("{}: key {}: the value is not valid UTF-8", shard.name, quote(key)));
}

// Keys of later parts are ignored by llama.cpp, except for the split keys and the alignment.
void check_later_keys(const Shard& shard, Problems& problems) {
  for (const auto& entry : shard.header.metadata.entries()) {
    const std::string& key = entry.first;
    if (key.starts_with("split.") || key == kAlignmentKey) continue;
    problems.push_back(fmt::format("{}: key {} is ignored, as only the keys of the first part count",
                                   shard.name, quote(key)));
  }
}

void check_architecture(const Shard& first, Problems& problems) {
  const Metadata& metadata = first.header.metadata;
  const MetaValue* type = metadata.find("general.type");
  // Importance matrices are GGUF files without a model (llama-imatrix writes this type).
  if (type != nullptr && *type == MetaValue(std::string("imatrix"))) return;
  const MetaValue* value = metadata.find(kArchitectureKey);
  const auto* architecture = value == nullptr ? nullptr : std::get_if<std::string>(value);
  if (architecture == nullptr || architecture->empty())
    problems.push_back(fmt::format("{}: key '{}' is missing or no text", first.name, kArchitectureKey));
}

void check_quantization_version(const std::vector<Shard>& shards, Problems& problems) {
  for (const Shard& shard : shards)
    for (const StoredTensor& tensor : shard.header.tensors) {
      if (!tensor.type->quantized()) continue;
      const MetaValue* value = shards[0].header.metadata.find(kQuantizationVersionKey);
      if (value == nullptr || *value != MetaValue(kQuantizationVersion))
        problems.push_back(fmt::format("{}: key '{}' must be the u32 {}, as tensor {} is of type {}",
                                       shards[0].name, kQuantizationVersionKey, kQuantizationVersion,
                                       quote(tensor.name), tensor.type->name));
      return;
    }
}

}  // namespace

std::vector<std::string> check_shards(const std::vector<Shard>& shards) {
  Problems problems;
  check_architecture(shards[0], problems);
  check_quantization_version(shards, problems);
  check_tokenizer(shards, problems);
  for (const Shard& shard : shards) {
    problems.insert(problems.end(), shard.header.notes.begin(), shard.header.notes.end());
    check_alignment(shard, problems);
    check_offsets(shard, problems);
    check_names(shard, problems);
    check_split_types(shard, problems);
    check_texts(shard, problems);
    if (&shard != &shards[0]) check_later_keys(shard, problems);
  }
  return problems;
}

}  // namespace pq::gguf
