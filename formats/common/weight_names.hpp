// What the names of a folder's weights begin with.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace pq::hf {

/// "model", as transformers wants it, and what AutoGPTQ gave them (gptq_model-4bit-128g.safetensors): all such names that are there, for loaders would
/// take different files, AutoGPTQ those with its own name first. Without any of them the names that have an index; without an index any. Shards count
/// as what they are parts of, whose index may be missing. Empty: no weights.
std::set<std::string> weight_bases(const std::vector<std::string>& names);

}  // namespace pq::hf
