// Leaves a mark in the environment as soon as any code of the library runs.
#pragma once

#include <cstdlib>

namespace {
struct Marker {
  Marker() { ::setenv("PQ_TEST_PLUGIN_CODE_RAN", "1", 1); }
} marker;
}  // namespace
