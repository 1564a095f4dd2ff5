// What a model's name says: "SmolLM2-135M-Instruct" is basename SmolLM2, size 135M, finetune Instruct.
// The rules are those of llama.cpp's converter (gguf-py/gguf/metadata.py), so that both write the same general.* keys.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pq {

/// Parts of a name; empty = none.
struct ModelNameParts {
  std::string full_name, organization, basename, finetune, version, size_label;
};

/// Takes a name or "organization/name" apart. `parameters` decides whether a number with K, M, B or T is the size or a context length.
ModelNameParts parse_model_name(std::string_view id, std::int64_t parameters);

/// "smol-model-v2" -> "Smol Model v2".
std::string title_of(std::string_view name);

/// "135M", "8.0B", "8x82K" (experts > 0: `parameters` are those without experts plus one expert).
std::string size_label(std::int64_t parameters, std::int64_t experts);

}  // namespace pq
