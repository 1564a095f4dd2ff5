// What plugins have registered, by kind and id, and who registered it.
#pragma once

#include <polyquant/plugin.hpp>

#include "plugin/registry.hpp"

#include <map>
#include <string>
#include <vector>

namespace pq {

template <class EntryType>
struct Owned {
  EntryType entry;
  std::string owner;  // "nf4 (/usr/lib/polyquant/plugins/nf4.so)"
};
template <class EntryType>
using OwnedById = std::map<std::string, Owned<EntryType>, std::less<>>;

/// All registered components, or those of one plugin that is being registered.
struct Components {
  OwnedById<EncodingEntry> encodings;
  OwnedById<QuantizerEntry> quantizers;
  OwnedById<FormatEntry> formats;
  OwnedById<BackendEntry> backends;
  OwnedById<DeviceCodecEntry> device_codecs;  // by "ENCODING on BACKEND"

  /// Takes over all of `other`. Throws PluginError, changing nothing, if an id of the same kind is here already.
  void merge(Components&& other);
  /// Kind, id and summary of everything.
  std::vector<PluginStatus::Provided> list() const;
};

/// Runs a plugin's registration. Throws PluginError naming the plugin if it throws or registers nonsense.
Components register_plugin(const PluginDescriptor& descriptor, const std::string& owner);

}  // namespace pq
