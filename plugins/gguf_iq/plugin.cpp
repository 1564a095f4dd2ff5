#include "encoding.hpp"

#include <polyquant/codec/add_encodings.hpp>
#include <polyquant/plugin.hpp>

PQ_PLUGIN("gguf_iq", "1.0.0",
          "GGUF's codebook encodings: iq1_s iq1_m iq2_xxs iq2_xs iq2_s iq3_xxs iq3_s iq4_nl iq4_xs") {
  using namespace pq::gguf_iq;
  pq::add_encodings(registry, {make_iq1_s, make_iq1_m, make_iq2_xxs, make_iq2_xs, make_iq2_s, make_iq3_xxs,
                               make_iq3_s, make_iq4_nl, make_iq4_xs});
}
