// Plugin: the formats `mxfp4` and `fp8`, for reading.
#include "scaled_blocks/format.hpp"

#include <polyquant/plugin.hpp>

namespace {

void add(pq::Registry& registry, const std::string& id, const std::string& summary,
         const pq::hf::JoinRule& rule) {
  registry.add(pq::FormatEntry{id, summary, {}, [id, summary, &rule](const pq::Node& options) {
                                 pq::Schema<pq::NoOptions>().parse(options, id);  // there are none
                                 return pq::hf::make_scaled_blocks_format(id, summary, rule);
                               }});
}

}  // namespace

PQ_PLUGIN("scaled_blocks", "1.0.0",
          "Hugging Face folders with MXFP4 or FP8 matrices and their scales, for reading") {
  add(registry, "mxfp4", "Hugging Face folder with MXFP4 experts (gpt-oss); read only", pq::hf::mxfp4_rule());
  add(registry, "fp8", "Hugging Face folder with FP8 matrices and block scales (DeepSeek-V3); read only",
      pq::hf::fp8_rule());
}
