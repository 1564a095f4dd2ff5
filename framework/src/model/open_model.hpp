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
};

/// The id of the format that recognises the file or folder; "" if none does. Throws ConfigError if two claim it equally.
PQ_API std::string recognised_format(const std::filesystem::path& path, const PluginRegistry& registry);

/// Asks all registered formats how certain they are and opens the model with the best one. Throws FormatError if the path does not exist,
/// cannot be read, or no format recognises it (naming what was looked at); ConfigError if two formats claim it equally.
PQ_API OpenedModel open_model(const std::filesystem::path& path, const PluginRegistry& registry);

}  // namespace pq
