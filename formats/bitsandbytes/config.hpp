// What config.json says about the quantization.
#pragma once

#include <polyquant/format.hpp>

#include <string>
#include <vector>

namespace pq::bnb {

/// True if the text of a config.json says that bitsandbytes made the model.
bool names_bitsandbytes(std::string_view config);

/// Removes quantization_config from the config.json among `files`. False if there was none of bitsandbytes. Throws FormatError for a
/// malformed file.
bool take_quantization(std::vector<SideFile>& files);

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
