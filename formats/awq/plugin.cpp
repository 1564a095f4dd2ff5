// Plugin: the format `awq`.
#include "awq/format.hpp"

#include <polyquant/plugin.hpp>

PQ_PLUGIN("awq_format", "1.0.0", "Hugging Face folders with AWQ layers") {
  registry.add(pq::FormatEntry{"awq", "Hugging Face folder with AWQ layers (AutoAWQ, transformers, vLLM)",
                               pq::hf::awq_options(),
                               [](const pq::Node& options) { return pq::hf::make_awq_format(options); }});
}
