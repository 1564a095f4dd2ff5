// The options of an output that decide how the model is seen.
#pragma once

#include "config/pipeline.hpp"
#include "model/view.hpp"

#include <polyquant/base/node.hpp>

namespace pq {

/// Each of these options has a place in one dialect only. Throws ConfigError at one that has none in `dialect`, or has an unknown word.
ViewOptions view_options(const OutputSpec& spec, Dialect dialect);

/// Where a mistake in these options is.
Mark view_mark(const OutputSpec& spec);

/// `options:` of the output without those that belong to the view.
Node format_options(const OutputSpec& spec);

}  // namespace pq
