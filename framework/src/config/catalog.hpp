// All components as data: what help, JSON Schema, completion and the reference docs list.
#pragma once

#include "plugin/registry.hpp"

#include <string>
#include <vector>

namespace pq {

struct ComponentInfo {
  std::string kind;  // "encoding", "quantizer", "format", "backend"
  std::string id;
  std::string summary;
  std::string facts;   // more about it in a few words: "4.5 bits per weight, blocks of 32 columns"
  std::string plugin;  // name of the plugin that provides it
  OptionTable options;
};

/// All components, by kind and then by id.
PQ_API std::vector<ComponentInfo> list_components(const PluginRegistry& registry);

}  // namespace pq
