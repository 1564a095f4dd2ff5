#include "encoding.hpp"

#include <polyquant/codec/add_encodings.hpp>
#include <polyquant/plugin.hpp>

PQ_PLUGIN("gguf_k", "1.0.0", "GGUF's K types: super-blocks of 256 weights") {
  using namespace pq::gguf;
  pq::add_encodings(registry, {make_q2_k, make_q3_k, make_q4_k, make_q5_k, make_q6_k});
}
