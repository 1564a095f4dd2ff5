// The plain Hugging Face folder: one or several .safetensors files, an index, config.json, tokenizer. Or one bare .safetensors file.
#pragma once

#include <polyquant/format.hpp>
#include <polyquant/options.hpp>

#include <memory>

namespace pq::hf {

/// Options of an output.
const OptionTable& safetensors_options();

/// `options`: a map or null; used for outputs that give none of their own. Throws ConfigError for wrong ones.
std::unique_ptr<Format> make_safetensors_format(const Node& options);

}  // namespace pq::hf
