// A symbol of the right name that is no descriptor (SMALL), or an incomplete one.
#include <polyquant/plugin.hpp>

extern "C" {
#ifdef SMALL
extern __attribute__((visibility("default"))) const int PQ_CONCATENATE(polyquant_plugin_abi_, PQ_ABI_VERSION);
const int PQ_CONCATENATE(polyquant_plugin_abi_, PQ_ABI_VERSION) = 4;
#else
extern __attribute__((visibility("default")))
const pq::PluginDescriptor PQ_CONCATENATE(polyquant_plugin_abi_, PQ_ABI_VERSION);
const pq::PluginDescriptor PQ_CONCATENATE(polyquant_plugin_abi_, PQ_ABI_VERSION) = {
    "half", "1.0.0", "No function", nullptr, nullptr};
#endif
}
