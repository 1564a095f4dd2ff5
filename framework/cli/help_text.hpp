// Texts of `polyquant help`, made from what is registered and from the command line's own definition.
#pragma once

#include "config/catalog.hpp"

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace pq::cli {

/// Everything that help can be asked about.
struct HelpTopics {
  const CLI::App* app = nullptr;
  std::vector<ComponentInfo> components;
  std::vector<std::pair<std::string, std::string>> recipes;  // id and summary
};
HelpTopics help_topics(const CLI::App& app, const PluginRegistry& registry);

/// The subcommands, and what the loaded plugins provide.
std::string help_overview(const HelpTopics& topics);
/// About a subcommand ("run", "codec bench"), a component, a kind ("encodings", "recipes"), an option, a key of pipelines or a topic ("exit codes").
/// Throws ConfigError with the nearest known word.
std::string help_about(const HelpTopics& topics, const std::string& word);

/// The words that help_about() knows, each once.
std::vector<std::string> help_words(const HelpTopics& topics);

/// "integer, 1 to 8, default 4": what an option takes.
std::string option_values(const OptionInfo& option);

}  // namespace pq::cli
