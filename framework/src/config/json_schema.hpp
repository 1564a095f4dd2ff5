// JSON Schema (draft 2020-12) of a pipeline, for editors.
#pragma once

#include "config/catalog.hpp"

#include <string>
#include <vector>

namespace pq {

/// The schema as a JSON document: keys of the pipeline, ids and options of the components, ids of the recipes. `own_recipe` is the schema of
/// what stands under `recipes:`, as JSON.
PQ_API std::string pipeline_json_schema(const std::vector<ComponentInfo>& components,
                                        const std::vector<std::string>& recipes,
                                        const std::string& own_recipe);

}  // namespace pq
