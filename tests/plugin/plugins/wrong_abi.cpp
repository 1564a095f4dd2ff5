// What a plugin for a later polyquant looks like from outside.
#include "marker.hpp"

extern "C" {
extern __attribute__((visibility("default"))) const char* const polyquant_plugin_abi_999[5];
const char* const polyquant_plugin_abi_999[5] = {"late", "1.0.0", "From the future", "9.9.9", nullptr};
}
