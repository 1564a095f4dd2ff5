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

PQ_PLUGIN("gguf_k", "1.0.0", "GGUF's K types: super-blocks of 256 weights") {
  using namespace pq::gguf;
  for (const auto make : {make_q2_k, make_q3_k, make_q4_k, make_q5_k, make_q6_k}) add(registry, make);
}
