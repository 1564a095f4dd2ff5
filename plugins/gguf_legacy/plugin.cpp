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

PQ_PLUGIN("gguf_legacy", "1.0.0", "GGUF's plain 32-weight blocks: q4_0 q4_1 q5_0 q5_1 q8_0") {
  using namespace pq::gguf;
  for (const auto make : {make_q4_0, make_q4_1, make_q5_0, make_q5_1, make_q8_0}) add(registry, make);
}
