// Which components a pipeline gets where it names none: data of the installation, like families and recipes.
#pragma once

#include "config/pipeline_keys.hpp"

#include <polyquant/base/export.hpp>

#include <string>

namespace pq {

/// The id of the component of a kind ("quantizer") that a pipeline gets where it names none. Throws ConfigError if the data folder says nothing
/// of it. Backends are not here: the program takes the preferred one that has a device (choose_backend()).
PQ_API std::string default_component(const std::string& kind);

/// The default of a key for help and schemas: what the table says, or the default component; "" = none.
PQ_API std::string default_of(const PipelineKey& key);

}  // namespace pq
