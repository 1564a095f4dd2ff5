// What the names of a folder's weights begin with.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace pq::hf {

/// "model", as transformers wants it; where no such file is, what AutoGPTQ gave them (gptq_model-4bit-128g.safetensors), or any other. Several
/// where loaders would take different files: AutoGPTQ looks for its own name first. Shards count as what they are parts of, whose index may be
/// missing. Empty: no weights.
std::set<std::string> weight_bases(const std::vector<std::string>& names);

}  // namespace pq::hf
