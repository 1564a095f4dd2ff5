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

PQ_PLUGIN("microscaling", "1.0.0", "Microscaling blocks of 4-bit floats as GGUF stores them: mxfp4 nvfp4") {
  using namespace pq::microscaling;
  for (const auto make : {make_mxfp4, make_nvfp4}) add(registry, make);
}
