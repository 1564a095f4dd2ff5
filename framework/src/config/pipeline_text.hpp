// Telling a pipeline from other files, without reading it.
#pragma once

#include <polyquant/base/export.hpp>

#include <string_view>

namespace pq {

/// True for an empty text, and for one whose first line that is no comment begins with a key of a pipeline: a pipeline with mistakes is still
/// one, config.json, a model card or a tokenizer is none.
PQ_API bool looks_like_pipeline(std::string_view text);

}  // namespace pq
