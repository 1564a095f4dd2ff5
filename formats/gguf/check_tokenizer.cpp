#include "check_tokenizer.hpp"

#include "quote.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <string_view>
#include <variant>

namespace pq::gguf {
namespace {

using Problems = std::vector<std::string>;
constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";

// llama.cpp reads element i of this array for every token i.
template <class T>
void check_parallel(const Shard& shard, std::string_view key, std::string_view type, std::size_t tokens,
                    Problems& problems) {
  const MetaValue* value = shard.header.metadata.find(key);
  if (value == nullptr) return;
  const auto* array = std::get_if<std::vector<T>>(value);
  if (array == nullptr)
    problems.push_back(fmt::format("{}: key '{}' has type {}, it must be an array of {}", shard.name, key,
                                   type_name(*value), type));
  else if (array->size() != tokens)
    problems.push_back(fmt::format("{}: key '{}' has {} elements, but '{}' has {}", shard.name, key,
                                   array->size(), kTokensKey, tokens));
}

// tokenizer.ggml.bos_token_id and its like must name a token.
void check_special_ids(const Shard& shard, std::size_t tokens, Problems& problems) {
  for (const auto& [key, value] : shard.header.metadata.entries()) {
    if (!key.starts_with("tokenizer.ggml.") || !key.ends_with("_token_id")) continue;
    const auto* id = std::get_if<std::uint32_t>(&value);
    if (id == nullptr)
      problems.push_back(
          fmt::format("{}: key {} has type {}, it must be a u32", shard.name, quote(key), type_name(value)));
    else if (*id >= tokens)
      problems.push_back(
          fmt::format("{}: key {} is {}, but there are only {} tokens", shard.name, quote(key), *id, tokens));
  }
}

// llama.cpp derives the shape of the embedding from the number of tokens and refuses another one.
void check_embedding(const std::vector<Shard>& shards, std::size_t tokens, Problems& problems) {
  for (const Shard& shard : shards)
    for (const StoredTensor& tensor : shard.header.tensors)
      if (tensor.name == "token_embd.weight" && rows(tensor.shape) != static_cast<std::int64_t>(tokens))
        problems.push_back(fmt::format("{}: tensor '{}' has {} rows, but '{}' has {} elements", shard.name,
                                       tensor.name, rows(tensor.shape), kTokensKey, tokens));
}

}  // namespace

void check_tokenizer(const std::vector<Shard>& shards, std::vector<std::string>& problems) {
  const Shard& first = shards[0];
  const MetaValue* value = first.header.metadata.find(kTokensKey);
  if (value == nullptr) return;
  const auto* tokens = std::get_if<std::vector<std::string>>(value);
  if (tokens == nullptr) {
    problems.push_back(fmt::format("{}: key '{}' has type {}, it must be an array of strings", first.name,
                                   kTokensKey, type_name(*value)));
    return;
  }
  check_parallel<float>(first, "tokenizer.ggml.scores", "f32", tokens->size(), problems);
  check_parallel<std::int32_t>(first, "tokenizer.ggml.token_type", "i32", tokens->size(), problems);
  check_special_ids(first, tokens->size(), problems);
  check_embedding(shards, tokens->size(), problems);
}

}  // namespace pq::gguf
