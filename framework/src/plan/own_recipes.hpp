// The recipes that a pipeline brings along.
#pragma once

#include "config/pipeline.hpp"
#include "plugin/registry.hpp"

#include <string>
#include <vector>

namespace pq {

/// Reads them all, also those that no output uses, and looks up the encodings that they name: what no tensor of this model needs would be taken as
/// it stands, and fail for the next model. Throws ConfigError at the place. Adds to `warnings` one sentence about each that is not used.
void check_recipes(const Pipeline& pipeline, const PluginRegistry& registry,
                   std::vector<std::string>& warnings);

}  // namespace pq
