// The vocabulary: arrays that llama.cpp indexes by token number without looking at their lengths.
#pragma once

#include "shards.hpp"

#include <string>
#include <vector>

namespace pq::gguf {

/// Appends one sentence for each violation.
void check_tokenizer(const std::vector<Shard>& shards, std::vector<std::string>& problems);

}  // namespace pq::gguf
