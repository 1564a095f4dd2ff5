// The files that a run reads the model from.
#pragma once

#include "plan/plan.hpp"

#include <filesystem>
#include <vector>

namespace pq {

/// The files that hold tensors of the model, each once.
std::vector<std::filesystem::path> tensor_files(const Plan& plan);

/// These and the model's side files.
std::vector<std::filesystem::path> source_files(const Plan& plan);
PQ_API std::vector<std::filesystem::path> source_files(const std::filesystem::path& model,
                                                       const ModelReader& reader);

/// A component and its options as one line: "affine{bits=4, group=128}".
std::string node_text(const Node& node);

/// Name, version, file and its time of every plugin that provides a part of the plan, in the order in which they were loaded.
std::vector<std::string> plugins_of(const Plan& plan, const PluginRegistry& registry);

}  // namespace pq
