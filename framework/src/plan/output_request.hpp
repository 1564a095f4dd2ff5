// What an output was asked for, against what it is.
#pragma once

#include "plan/plan.hpp"

#include <map>
#include <string>
#include <vector>

namespace pq {

/// One sentence if the name of the output says another format than it has: programs choose the reader by the ending.
void warn_of_ending(const PlannedOutput& output, const PluginRegistry& registry,
                    std::vector<std::string>& warnings);

/// What decides the encodings, as the user wrote it, for PlannedOutput::asked.
std::map<std::string, std::string> asked_for(const OutputSpec& spec);

}  // namespace pq
