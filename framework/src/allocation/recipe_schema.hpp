// JSON Schema of a recipe, for editors.
#pragma once

#include <polyquant/base/export.hpp>

#include <string>

namespace pq {

/// The schema as a JSON document, for the `$defs` of a pipeline's schema: it refers to `encoding_text` there.
PQ_API std::string recipe_json_schema();

}  // namespace pq
