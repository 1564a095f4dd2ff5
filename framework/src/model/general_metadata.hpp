// The general.* keys of a GGUF file: names, licence, tags, sampling defaults.
#pragma once

#include "base/json.hpp"
#include "model/model_files.hpp"
#include "model/view.hpp"

namespace pq {

/// Sets general.* (without architecture, file_type and quantization_version) from the model card, generation_config.json, config.json and
/// the folder's name, as llama.cpp's converter does. `view.tensors` are there already. A broken model card is a warning.
void add_general_metadata(ModelView& view, const ModelFiles& files, const Json& config,
                          const ViewOptions& options);

}  // namespace pq
