// A shared library, but no plugin.
#include "marker.hpp"

extern "C" __attribute__((visibility("default"))) int some_function() { return 4; }
