// Who chooses scales of channels and who chooses codes, as an output asks for it.
#pragma once

#include "config/pipeline.hpp"
#include "plan/plan.hpp"
#include "plugin/registry.hpp"

namespace pq {

/// Sets quantizer, folder and quantizer_spec. Throws ConfigError at the place of a mistake, PluginError if the default is missing.
void choose_quantizer(const OutputSpec& spec, const PluginRegistry& registry, PlannedOutput& output);

/// Refuses encodings that they cannot work with, and statistics that nothing would measure.
void check_quantizer(const PlannedOutput& output, const OutputSpec& spec, bool has_calibration);

}  // namespace pq
