// Settings of sampling: keys of generation_config.json and general.sampling.* of a GGUF file.
#pragma once

#include "base/json.hpp"

#include <polyquant/base/metadata.hpp>

#include <string>
#include <vector>

namespace pq {

/// Sets general.sampling.* from generation_config.json, as llama.cpp's converter does. Throws FormatError for a number that GGUF cannot hold.
void add_sampling(Metadata& metadata, const Json& generation, const std::string& source);

/// The way back: sets the keys that the file has, and `do_sample` where they say whether tokens are drawn. What transformers would not take
/// is left out with a warning.
void restore_sampling(Json& generation, const Metadata& metadata, const std::string& source,
                      std::vector<std::string>& warnings);

}  // namespace pq
