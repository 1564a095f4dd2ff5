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

PQ_PLUGIN("gguf_ternary", "1.0.0", "GGUF's blocks of one bit to two: tq1_0 tq2_0 q1_0 q2_0") {
  using namespace pq::gguf_ternary;
  for (const auto make : {make_tq1_0, make_tq2_0, make_q1_0, make_q2_0}) add(registry, make);
}
