// Why a tensor cannot have an encoding, in words.
#pragma once

#include "model/view.hpp"
#include "plugin/registry.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pq {

/// "tensor 'blk.0.ffn_down.weight' [576, 1536]"
std::string describe(const ViewTensor& tensor);

/// Why the rows of the tensor are no whole blocks of this encoding, or nothing.
std::optional<std::string> column_obstacle(const Encoding& encoding, const Shape& shape);

/// True if the role of the tensor is one of these; where the architecture is unknown the usual names must do.
bool is_plain_role(const std::vector<std::string>& roles, const ViewTensor& tensor);

/// Q4_K_M and its like are what people know; in llama.cpp the two are one list. Throws ConfigError for a recipe in place of an encoding. `cure`: what to
/// write instead, with {} for the recipe; empty: some encoding.
void refuse_recipe_as_encoding(const Node& spec, const PluginRegistry& registry,
                               const std::string& cure = "");

}  // namespace pq
