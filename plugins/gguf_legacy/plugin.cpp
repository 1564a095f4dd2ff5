#include "encoding.hpp"

#include <polyquant/codec/add_encodings.hpp>
#include <polyquant/plugin.hpp>

PQ_PLUGIN("gguf_legacy", "1.0.0", "GGUF's plain 32-weight blocks: q4_0 q4_1 q5_0 q5_1 q8_0") {
  using namespace pq::gguf;
  pq::add_encodings(registry, {make_q4_0, make_q4_1, make_q5_0, make_q5_1, make_q8_0});
}
