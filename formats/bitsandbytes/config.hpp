// What config.json says about the quantization.
#pragma once

#include "common/storage_config.hpp"

#include <polyquant/format.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace pq::bnb {

/// True if the text of a config.json says that bitsandbytes made the model.
bool names_bitsandbytes(std::string_view config);

/// True if this description is bitsandbytes'. Old ones have no quant_method.
bool describes_bitsandbytes(const hf::StorageConfig& config);

/// The dtype that config.json gives the model: "float16", "bfloat16" or "float32"; "" if it says nothing that is known.
std::string model_dtype(const std::vector<SideFile>& files);

struct Quantization {
  bool four_bit = true;  // or LLM.int8()
  std::string type = "fp4";
  bool nested = false;
  std::string compute_dtype = "float32";
  std::vector<std::string> skipped;  // modules that stay as they are
};

/// Puts quantization_config into the config.json among `files`. Throws ConfigError if there is none.
void put_quantization(std::vector<SideFile>& files, const Quantization& quantization);

}  // namespace pq::bnb
