// Which backend and device do the maths.
#pragma once

#include "plugin/registry.hpp"

#include <polyquant/backend.hpp>
#include <polyquant/base/executor.hpp>
#include <polyquant/base/node.hpp>

#include <memory>
#include <string>
#include <vector>

namespace pq {

struct ChosenBackend {
  std::shared_ptr<const Backend> backend;
  int device = 0;                     // index among its devices
  std::string spec;                   // as given, without `device` and `fallback`; of `auto` the id
  std::vector<std::string> warnings;  // a fallback is said

  std::unique_ptr<Device> open(Executor& executor) const { return backend->open(device, executor); }
};

/// `wanted`: null or "auto" takes the backend of the highest priority that has a device here; else an id, or an id with options and the keys
/// of backend_keys(). Throws ConfigError for wrong words, PluginError if nothing is loaded, ResourceError for a device that is not there.
PQ_API ChosenBackend choose_backend(const Node& wanted, const PluginRegistry& registry);

}  // namespace pq
