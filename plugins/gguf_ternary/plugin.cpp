#include "encoding.hpp"

#include <polyquant/codec/add_encodings.hpp>
#include <polyquant/plugin.hpp>

PQ_PLUGIN("gguf_ternary", "1.0.0", "GGUF's blocks of one bit to two: tq1_0 tq2_0 q1_0 q2_0") {
  using namespace pq::gguf_ternary;
  pq::add_encodings(registry, {make_tq1_0, make_tq2_0, make_q1_0, make_q2_0});
}
