// What a plugin includes: all interfaces, and the macro that registers its components.
//
//   PQ_PLUGIN("nf4", "1.0.0", "NormalFloat, 4 bit") {
//     registry.add(pq::EncodingEntry{"nf4", "NormalFloat, 4 bit", {}, [](const pq::Node&) { return std::make_unique<Nf4>(); }});
//   }
#pragma once

#include <polyquant/abi.hpp>
#include <polyquant/backend.hpp>
#include <polyquant/encoding.hpp>
#include <polyquant/format.hpp>
#include <polyquant/options.hpp>
#include <polyquant/quantizer.hpp>
#include <polyquant/row_wise_encoding.hpp>
#include <polyquant/version.hpp>

#include <functional>
#include <memory>
#include <string>

// Strings, vectors and exceptions of the standard library cross the boundary, so both sides need the same layouts of them.
#if defined(_LIBCPP_VERSION)
#error "polyquant plugins need libstdc++: build without -stdlib=libc++"
#elif defined(_GLIBCXX_USE_CXX11_ABI) && !_GLIBCXX_USE_CXX11_ABI
#error "polyquant plugins need the strings of C++11: build without _GLIBCXX_USE_CXX11_ABI=0"
#elif defined(_GLIBCXX_DEBUG)
#error "polyquant plugins need the usual containers: build without _GLIBCXX_DEBUG"
#endif

namespace pq {

/// One component that a plugin offers: its id, one line about it, its options, and how to make one. The factory gets the options as a
/// map (or null) and throws ConfigError for wrong ones.
template <class Interface>
struct Entry {
  std::string id;
  std::string summary;
  OptionTable options;
  std::function<std::unique_ptr<Interface>(const Node& options)> make;
};
using EncodingEntry = Entry<Encoding>;
using QuantizerEntry = Entry<Quantizer>;
using FormatEntry = Entry<Format>;
using BackendEntry = Entry<Backend>;

/// A codec of one encoding for one backend; belongs to the encoding's plugin or to one of its own.
struct DeviceCodecEntry {
  std::string encoding;  // id
  std::string backend;   // id
  std::function<std::unique_ptr<DeviceCodec>()> make;
};

/// Where a plugin registers. An id that is taken already (of the same kind) makes the program refuse the plugin.
class Registry {
 public:
  virtual void add(EncodingEntry entry) = 0;
  virtual void add(QuantizerEntry entry) = 0;
  virtual void add(FormatEntry entry) = 0;
  virtual void add(BackendEntry entry) = 0;
  virtual void add(DeviceCodecEntry entry) = 0;

 protected:
  ~Registry() = default;
};

/// The one exported symbol of a plugin points to this. Plain data: it is read before any code of the plugin runs.
struct PluginDescriptor {
  const char* name;
  const char* version;
  const char* summary;
  const char* built_for;  // version of polyquant
  void (*register_components)(Registry& registry);
};

}  // namespace pq

#define PQ_CONCATENATE_(a, b) a##b
#define PQ_CONCATENATE(a, b) PQ_CONCATENATE_(a, b)

/// Defines a plugin; the block that follows gets `registry`. Once per library.
#define PQ_PLUGIN(plugin_name, plugin_version, plugin_summary)                                      \
  static void pq_register_components(::pq::Registry& registry);                                     \
  extern "C" __attribute__((visibility("default")))                                                 \
  const ::pq::PluginDescriptor PQ_CONCATENATE(polyquant_plugin_abi_, PQ_ABI_VERSION);               \
  extern "C" const ::pq::PluginDescriptor PQ_CONCATENATE(polyquant_plugin_abi_, PQ_ABI_VERSION) = { \
      plugin_name, plugin_version, plugin_summary, PQ_VERSION_STRING, &pq_register_components};     \
  static void pq_register_components([[maybe_unused]] ::pq::Registry& registry)
