#include "encoding.hpp"

#include <polyquant/plugin.hpp>

namespace {

void add(pq::Registry& registry, std::unique_ptr<pq::Encoding> (*make)()) {
  const pq::EncodingInfo info = make()->info();
  registry.add(pq::EncodingEntry{info.id, info.summary, {}, [make, id = info.id](const pq::Node& options) {
                                   pq::Schema<pq::NoOptions>().parse(options,
                                                                     id);  // there are none: refuses any
                                   return make();
                                 }});
}

}  // namespace

PQ_PLUGIN("float", "1.0.0", "Floating-point encodings: f32, f16, bf16, f64 and 8-bit floats") {
  using namespace pq::floating;
  for (const auto make : {make_f32, make_f16, make_bf16, make_f64, make_e4m3, make_e5m2}) add(registry, make);
}
