// Encodings without options on their way into the registry.
#pragma once

#include <polyquant/encoding.hpp>
#include <polyquant/options.hpp>
#include <polyquant/plugin.hpp>

#include <initializer_list>
#include <memory>

namespace pq {

/// Registers the encodings that these functions make. They have no options: a pipeline that gives one is refused.
inline void add_encodings(Registry& registry, std::initializer_list<std::unique_ptr<Encoding> (*)()> makers) {
  for (const auto make : makers) {
    const EncodingInfo info = make()->info();
    registry.add(EncodingEntry{info.id, info.summary, {}, [make, id = info.id](const Node& options) {
                                 Schema<NoOptions>().parse(options, id);
                                 return make();
                               }});
  }
}

}  // namespace pq
