// Figures of quantizers on the terminal.
#pragma once

#include "run/run.hpp"

#include <string>

namespace pq {

/// One line per figure: how many tensors have it, its median, its largest value and whose that is; empty without figures.
std::string figure_text(const PlannedOutput& output, const OutputResult& result);

}  // namespace pq
