// The plugins of the build tree.
#pragma once

#include "plugin/registry.hpp"

namespace pq::test {

/// All of them, loaded once.
inline const PluginRegistry& registry() {
  static PluginRegistry instance;
  static const bool loaded = (instance.load_folders(plugin_search_path({})), true);
  static_cast<void>(loaded);
  return instance;
}

}  // namespace pq::test
