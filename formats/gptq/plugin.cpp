// Plugin: the format `gptq`.
#include "gptq/format.hpp"

#include <polyquant/plugin.hpp>

PQ_PLUGIN("gptq_format", "1.0.0", "Hugging Face folders with GPTQ layers") {
  registry.add(pq::FormatEntry{"gptq", "Hugging Face folder with GPTQ layers (GPTQModel, transformers, vLLM)",
                               pq::hf::gptq_options(),
                               [](const pq::Node& options) { return pq::hf::make_gptq_format(options); }});
}
