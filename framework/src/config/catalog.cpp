#include "config/catalog.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

namespace pq {
namespace {

std::string facts_of(const Encoding& encoding) {
  const EncodingInfo& info = encoding.info();
  std::string facts = fmt::format("{:g} bits per weight", info.bits_per_weight);
  if (info.block_cols > 1) facts += fmt::format(", blocks of {} columns", info.block_cols);
  if (info.uses_importance) facts += ", uses importance";
  return facts;
}

// An encoding whose options have no usable defaults has no figures of its own.
std::string facts_of(const EncodingEntry& entry) {
  try {
    return facts_of(*entry.make(Node()));
  } catch (const ConfigError&) {
    return "";
  }
}

std::string facts_of(const FormatEntry& entry) {
  try {
    const FormatInfo info = entry.make(Node())->info();
    return std::string(info.can_write ? "read and written" : "read only") +
           (info.is_folder ? ", a folder" : ", a file");
  } catch (const ConfigError&) {
    return "";
  }
}

std::string facts_of(const QuantizerEntry&) { return ""; }
std::string facts_of(const BackendEntry&) { return ""; }

std::string provider(const PluginRegistry& registry, const std::string& kind, const std::string& id) {
  for (const PluginStatus& plugin : registry.plugins())
    for (const auto& provided : plugin.provides)
      if (plugin.ok && provided.kind == kind && provided.id == id) return plugin.name;
  return "";
}

template <class Entry>
void append(std::vector<ComponentInfo>& list, const PluginRegistry& registry, const std::string& kind,
            const std::vector<const Entry*>& entries) {
  for (const Entry* entry : entries)
    list.push_back({kind, entry->id, entry->summary, facts_of(*entry), provider(registry, kind, entry->id),
                    entry->options});
}

}  // namespace

std::vector<ComponentInfo> list_components(const PluginRegistry& registry) {
  std::vector<ComponentInfo> list;
  append(list, registry, "encoding", registry.encodings());
  append(list, registry, "quantizer", registry.quantizers());
  append(list, registry, "format", registry.formats());
  append(list, registry, "backend", registry.backends());
  return list;
}

}  // namespace pq
