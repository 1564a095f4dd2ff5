// Where a folder of packed layers will not load, or not as it is meant, in one sentence each.
#pragma once

#include "common/packed_layer.hpp"

#include <polyquant/format.hpp>

#include <string>
#include <vector>

namespace pq::hf {

/// What loaders of all packed formats have in common. `side_files`: the model's.
std::vector<std::string> packed_warnings(const std::vector<LayerPlan>& layers,
                                         const std::vector<SideFile>& side_files);

/// Layers of a GPTQ folder whose last group is shorter, or that differ from the others. `unpacked`: matrices of its blocks that stay in 16 or 32 bits.
std::vector<std::string> gptq_warnings(const std::vector<LayerPlan>& layers,
                                       const std::vector<std::string>& unpacked);

}  // namespace pq::hf
