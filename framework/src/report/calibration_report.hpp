// What a run is calibrated with, for people and for scripts.
#pragma once

#include "run/measured.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace pq {

/// [{"site", "cols", "count", "importance", "mean_absolute", "gram"}]: what is measured, sites of one name and width together.
nlohmann::ordered_json statistics_json(const Plan& plan);
/// {"samples", "length", "tokens", "tokens_sha256", "sources", "activations", and of a run "seconds", "experts", "starved_experts"}; `result` nullptr: of a
/// plan.
nlohmann::ordered_json calibration_json(const PlannedCalibration& calibration,
                                        const CalibrationResult* result);
std::string calibration_text(const PlannedCalibration& calibration, const CalibrationResult* result);

}  // namespace pq
