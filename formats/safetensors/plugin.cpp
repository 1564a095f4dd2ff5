// Plugin: the format `safetensors`.
#include "safetensors/safetensors_format.hpp"

#include <polyquant/plugin.hpp>

PQ_PLUGIN("safetensors", "1.0.0", "Hugging Face folders with safetensors files") {
  registry.add(pq::FormatEntry{"safetensors", "Hugging Face folder with safetensors files, or one such file",
                               pq::hf::safetensors_options(), [](const pq::Node& options) {
                                 return pq::hf::make_safetensors_format(options);
                               }});
}
