// What llama.cpp and the specification rely on beyond what is needed to read a file.
#pragma once

#include "shards.hpp"

#include <string>
#include <vector>

namespace pq::gguf {

/// One sentence with its place for each violation.
std::vector<std::string> check_shards(const std::vector<Shard>& shards);

}  // namespace pq::gguf
