// Plugin: the encodings `nf4`, `fp4` and `int8` of bitsandbytes.
#include "nf4/encoding.hpp"

#include <polyquant/plugin.hpp>

PQ_PLUGIN("nf4", "1.0.0", "NF4, FP4 and LLM.int8() as bitsandbytes defines them") {
  registry.add(
      pq::EncodingEntry{"nf4", pq::nf4::kNf4Summary, pq::nf4::four_bit_options(), pq::nf4::make_nf4});
  registry.add(
      pq::EncodingEntry{"fp4", pq::nf4::kFp4Summary, pq::nf4::four_bit_options(), pq::nf4::make_fp4});
  registry.add(pq::EncodingEntry{"int8", pq::nf4::kInt8Summary, {}, pq::nf4::make_int8});
}
