// What a format says of its output, before sizes and places are taken from it.
#pragma once

#include "plugin/registry.hpp"

#include <polyquant/format.hpp>

#include <cstddef>

namespace pq {

/// Throws PluginError, with the name of the plugin, unless there is one place per tensor, in a file of the layout.
void check_layout(const OutputLayout& layout, std::size_t tensors, const Format& format,
                  const PluginRegistry& registry);

}  // namespace pq
