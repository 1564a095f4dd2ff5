// Loads plugin libraries. The only place that knows Boost.DLL.
#pragma once

#include <polyquant/plugin.hpp>

#include <filesystem>

namespace pq {

/// Opens a plugin library, after its file has shown the right ABI number, and returns its descriptor. The library is never unloaded. Throws
/// PluginError with one sentence; sets `abi` as soon as it is known.
const PluginDescriptor& load_plugin_library(const std::filesystem::path& library, int& abi);

}  // namespace pq
