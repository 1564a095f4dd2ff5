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

/// "500M", "2G" (decimal units, as llama-gguf-split has them) or bytes; 0 for "". Throws ConfigError for anything else.
std::uint64_t parse_size(const std::string& text);

}  // namespace pq::gguf
