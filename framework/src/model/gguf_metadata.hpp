// GGUF metadata of a Hugging Face model.
#pragma once

#include "model/family.hpp"
#include "model/model_files.hpp"
#include "model/scope.hpp"
#include "model/view.hpp"

namespace pq {

/// Sets view.metadata in the order in which llama.cpp's converter writes it: general.*, the architecture's keys, the tokenizer. Throws
/// FormatError for missing keys and tokenizers that cannot be expressed.
void add_gguf_metadata(ModelView& view, const Family& family, ConfigScope& scope, const ModelFiles& files,
                       const Json& config, const ViewOptions& options);

/// Applies rules; keys that begin with '.' get the architecture in front.
void apply_metadata_rules(const std::vector<MetadataRule>& rules, const std::string& architecture,
                          const Scope& scope, Metadata& metadata);

}  // namespace pq
