// What makes two runs the same run: everything that decides a byte of an output.
#pragma once

#include "plan/plan.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <string>

namespace pq {

/// The keys by which an interrupted run is told from another one, as a line of text and as JSON whose keys can be named in a message. Small
/// facts are there as they are, large ones as a hash: tensors with their places, routes and row maps, metadata, side files with their
/// content, components with their options, the plugins with their versions and file times, size and time of every file that is read.
nlohmann::ordered_json plan_identity(const Plan& plan);

/// The key of a fact about output `index`: output_key(0, "to").
std::string output_key(std::size_t index, const char* fact);

/// The keys whose values differ, separated by commas.
std::string differing_keys(const nlohmann::ordered_json& a, const nlohmann::ordered_json& b);

}  // namespace pq
