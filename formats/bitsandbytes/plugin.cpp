// Plugin: the format `bitsandbytes`.
#include "bitsandbytes/format.hpp"

#include <polyquant/plugin.hpp>

PQ_PLUGIN("bitsandbytes", "1.0.0", "Hugging Face folders with matrices in bitsandbytes' NF4, FP4 and int8") {
  registry.add(pq::FormatEntry{"bitsandbytes", pq::bnb::kSummary, pq::bnb::bitsandbytes_options(),
                               [](const pq::Node& options) { return pq::bnb::make_bitsandbytes(options); }});
}
