#include "encoding.hpp"

#include <polyquant/codec/add_encodings.hpp>
#include <polyquant/plugin.hpp>

PQ_PLUGIN("microscaling", "1.0.0", "Microscaling blocks of 4-bit floats as GGUF stores them: mxfp4 nvfp4") {
  using namespace pq::microscaling;
  pq::add_encodings(registry, {make_mxfp4, make_nvfp4});
}
