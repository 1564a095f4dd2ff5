// Opens whatever is at a path with the format that recognises it.
#pragma once

#include "plugin/registry.hpp"

#include <polyquant/format.hpp>

#include <filesystem>
#include <memory>
#include <string>

namespace pq {

struct OpenedModel {
  std::shared_ptr<const Format> format;
  std::shared_ptr<const ModelReader> reader;
  std::string unknown_method = {};  // that the weights of a folder are quantized with, if no plugin knows it
};

/// What becomes of weights that are codes of a method that no plugin knows: their numbers are not what the model computes with.
enum class UnknownCodes {
  refuse,
  carry,  // the caller does not look at weights, or copies their bytes
};

/// The id of the format that recognises the file or folder; "" if none does. Throws ConfigError if two claim it equally.
PQ_API std::string recognised_format(const std::filesystem::path& path, const PluginRegistry& registry);

/// Asks all registered formats how certain they are and opens the model with the best one. Throws FormatError if the path does not exist,
/// cannot be read, or no format recognises it (naming what was looked at), or for unknown codes; ConfigError if two formats claim it equally.
PQ_API OpenedModel open_model(const std::filesystem::path& path, const PluginRegistry& registry,
                              UnknownCodes codes = UnknownCodes::refuse);

/// Throws FormatError for an importance matrix: a GGUF file that can be looked at, but is no model.
void refuse_importance_matrix(const ModelReader& reader, const std::filesystem::path& path);

/// Throws the FormatError of UnknownCodes::refuse.
[[noreturn]] void throw_unknown_codes(const std::filesystem::path& path, const std::string& method);

}  // namespace pq
