// Symbol visibility of the core library. Plugins never need this header by name: PQ_PLUGIN takes care of them.
#pragma once

// The same inside and outside of the core: a plugin is built with hidden visibility, and an exception that it throws must have the
// core's type all the same.
#define PQ_API __attribute__((visibility("default")))
