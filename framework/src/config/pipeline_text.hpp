// Telling a pipeline from other files.
#pragma once

#include <polyquant/base/export.hpp>

#include <string_view>

namespace pq {

/// True for a text without content, and for a map that has no keys but those of a pipeline, `model` or `outputs` among them. A text that is no YAML
/// is judged by its lines: a pipeline with mistakes is still one; config.json, a docker-compose file, a model card or a tokenizer is none.
PQ_API bool looks_like_pipeline(std::string_view text);

}  // namespace pq
