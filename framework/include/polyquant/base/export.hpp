// Symbol visibility of the core library. Plugins never need this header by name: PQ_PLUGIN takes care of them.
#pragma once

#if defined(POLYQUANT_BUILDING)
#define PQ_API __attribute__((visibility("default")))
#else
#define PQ_API
#endif
