// The three ways to a view; make_view() chooses.
#pragma once

#include "model/family.hpp"
#include "model/model_files.hpp"
#include "model/view.hpp"

#include <memory>

namespace pq {

/// The dialect of the reader: every tensor as it stands; roles where the family or the GGUF name tells them. In GGUF metadata `options` replace
/// what the source says.
std::shared_ptr<ModelView> identity_view(std::shared_ptr<const ModelReader> reader, const ModelFiles& files,
                                         const ViewOptions& options);

/// Hugging Face -> GGUF: tensors and metadata.
std::shared_ptr<ModelView> gguf_view(std::shared_ptr<const ModelReader> reader, const ModelFiles& files,
                                     const Family& family, const Json& config, const ViewOptions& options);

/// GGUF -> Hugging Face: tensors and side files.
std::shared_ptr<ModelView> huggingface_view(std::shared_ptr<const ModelReader> reader,
                                            const ModelFiles& files, const Family& family,
                                            const ViewOptions& options);

/// The config.json of a model with its nested text configuration on top. Throws FormatError if it is missing or no map.
Json read_config(const ModelFiles& files);
Json with_nested(const Json& config, const Family& family);

/// Fills `facts` from a config scope.
void set_facts(ModelFacts& facts, const Family& family, const Scope& scope);

}  // namespace pq
