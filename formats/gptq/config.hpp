// quantize_config.json and quantization_config of GPTQ folders.
#pragma once

#include "common/packed_layer.hpp"
#include "gptq/version.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pq::hf {

/// What reading needs to know.
struct GptqConfig {
  std::optional<std::int64_t> bits;
  std::optional<std::int64_t> group;  // -1: the whole row
  bool symmetric = true;              // what is missing is assumed to be so (GPTQModel, vLLM)
  GptqVersion version = GptqVersion::v1;
  bool has_overrides = false;  // layers may differ from all of the above but the version
};

/// Throws FormatError for another method, a storage that polyquant does not read, and values that nothing can mean.
GptqConfig parse_gptq_config(const StorageConfig& config);

/// The description of an output. `unpacked`: modules of layer blocks that stay in floating point.
nlohmann::ordered_json gptq_description(const std::vector<LayerPlan>& layers,
                                        const std::vector<std::string>& unpacked, GptqVersion version);

}  // namespace pq::hf
