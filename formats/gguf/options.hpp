// What a user may say about an output.
#pragma once

#include <polyquant/options.hpp>

#include <cstdint>
#include <string>

namespace pq::gguf {

struct Options {
  std::string split_max_size;          // "" = no limit
  std::int64_t split_max_tensors = 0;  // 0 = no limit
};

const Schema<Options>& options_schema();

/// Bytes of split_max_size (M and G are decimal, as llama-gguf-split has them); 0 for "". Throws ConfigError at `mark` for anything else.
std::uint64_t max_size(const Options& options, const Mark& mark = {});

}  // namespace pq::gguf
