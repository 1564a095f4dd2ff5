// Plugin: the encoding `fp8_block`.
#include "fp8_block/encoding.hpp"

#include <polyquant/plugin.hpp>

PQ_PLUGIN("fp8_block", "1.0.0", "8-bit floats with a scale for each block of columns") {
  registry.add(pq::EncodingEntry{"fp8_block", "8-bit floats (E4M3), an f32 scale for each block of columns",
                                 pq::fp8::fp8_block_options(), pq::fp8::make_fp8_block});
}
