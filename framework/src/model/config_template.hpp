// config.json from a family's template and the metadata of a GGUF file.
#pragma once

#include "base/json.hpp"
#include "model/expression.hpp"

#include <polyquant/base/node.hpp>

namespace pq {

/// Evaluates every leaf. Members that give null are left out; a map with a false `when` is null; of a list the first item that is not null counts.
Json fill_template(const Node& node, const Scope& scope);

}  // namespace pq
