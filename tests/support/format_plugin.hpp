// A format out of its plugin library, loaded as any program would: tests see what users get.
#pragma once

#include <polyquant/base/text.hpp>
#include <polyquant/plugin.hpp>

#include <dlfcn.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace pq_test {

/// Keeps what a plugin registers.
class CollectingRegistry final : public pq::Registry {
 public:
  void add(pq::EncodingEntry) override {}
  void add(pq::QuantizerEntry) override {}
  void add(pq::FormatEntry entry) override { formats.push_back(std::move(entry)); }
  void add(pq::BackendEntry) override {}
  void add(pq::DeviceCodecEntry) override {}
  std::vector<pq::FormatEntry> formats;
};

/// The folder of the built plugins: beside the polyquant library that this program uses.
inline std::filesystem::path plugin_folder() {
  ::Dl_info info = {};
  if (::dladdr(reinterpret_cast<const void*>(&pq::is_utf8), &info) == 0)
    throw std::runtime_error("the library's file is not known");
  return std::filesystem::canonical(info.dli_fname).parent_path() / "polyquant" / "plugins";
}

/// The format `id` of the plugin NAME.so.
inline std::unique_ptr<pq::Format> load_format(const std::string& name, const std::string& id,
                                               const pq::Node& options = {}) {
  const std::string library = (plugin_folder() / (name + ".so")).string();
  void* const handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw std::runtime_error(std::string("plugin not built: ") + ::dlerror());
  const std::string symbol = PQ_ABI_SYMBOL_PREFIX + std::to_string(PQ_ABI_VERSION);
  const auto* descriptor = static_cast<const pq::PluginDescriptor*>(::dlsym(handle, symbol.c_str()));
  if (descriptor == nullptr) throw std::runtime_error(library + " has no symbol " + symbol);
  CollectingRegistry registry;
  descriptor->register_components(registry);
  for (const pq::FormatEntry& entry : registry.formats)
    if (entry.id == id) return entry.make(options);
  throw std::runtime_error(library + " has no format " + id);
}

}  // namespace pq_test
