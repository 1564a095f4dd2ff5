#include "encoding.hpp"

#include <polyquant/codec/add_encodings.hpp>
#include <polyquant/plugin.hpp>

PQ_PLUGIN("float", "1.0.0", "Floating-point encodings: f32, f16, bf16, f64 and 8-bit floats") {
  using namespace pq::floating;
  pq::add_encodings(registry, {make_f32, make_f16, make_bf16, make_f64, make_e4m3, make_e5m2});
}
