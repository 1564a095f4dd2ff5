// The tokenizer's arrays of GGUF metadata. Their messages name the key; the caller puts the file in front.
#pragma once

#include <polyquant/base/error.hpp>
#include <polyquant/base/metadata.hpp>

#include <optional>
#include <string>
#include <vector>

namespace pq {

/// An array below "tokenizer.ggml.", or nullptr if it is absent. Throws FormatError if it is of another type.
template <class T>
const std::vector<T>* tokenizer_array(const Metadata& metadata, const std::string& name) {
  const std::string key = "tokenizer.ggml." + name;
  const MetaValue* value = metadata.find(key);
  if (value == nullptr) return nullptr;
  const auto* list = std::get_if<std::vector<T>>(value);
  if (list == nullptr)
    throw FormatError(key + " is " + type_name(*value) + ", it must be " + type_name(std::vector<T>{}));
  return list;
}

/// tokenizer.ggml.scores, which some files hold as integers; nothing if they are absent. Throws FormatError if they are of another type.
inline std::optional<std::vector<float>> tokenizer_scores(const Metadata& metadata) {
  const MetaValue* value = metadata.find("tokenizer.ggml.scores");
  if (value == nullptr) return std::nullopt;
  if (const auto* integers = std::get_if<std::vector<std::int32_t>>(value)) {
    std::vector<float> scores;
    for (const std::int32_t score : *integers) scores.push_back(static_cast<float>(score));
    return scores;
  }
  return *tokenizer_array<float>(metadata, "scores");
}

/// The boolean "tokenizer.ggml.NAME" if it is there. Throws FormatError if it is of another type.
inline std::optional<bool> tokenizer_flag(const Metadata& metadata, const std::string& name) {
  const std::string key = "tokenizer.ggml." + name;
  if (metadata.find(key) == nullptr) return std::nullopt;
  return metadata.boolean(key, false);
}

}  // namespace pq
