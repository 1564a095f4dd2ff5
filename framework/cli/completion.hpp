// Completion scripts for shells, made from the definition of the command line.
#pragma once

#include "help_text.hpp"

#include <string>
#include <vector>

namespace pq::cli {

/// What can follow a subcommand.
struct CompletionVerb {
  struct Option {
    std::vector<std::string> names;  // "--json", "-q"
    std::string help;
    std::string type;  // "" = a flag; else the type_name
  };
  std::string name;
  std::string help;
  std::vector<Option> options;
  std::string positional;                // type_name of the arguments, "" = none
  std::vector<std::string> subcommands;  // "encode", "decode", "bench"
};
std::vector<CompletionVerb> completion_verbs(const CLI::App& app);
/// What can stand before the subcommand.
CompletionVerb completion_top(const CLI::App& app);

/// The words of a type_name: ids of components, recipes, ..., or those of "require|prefer"; empty if it is none of them.
std::vector<std::string> completion_words(const HelpTopics& topics, const std::string& type);
/// True if files and folders complete it.
bool completes_paths(const std::string& type);

std::string bash_completion(const HelpTopics& topics);
std::string zsh_completion(const HelpTopics& topics);
std::string fish_completion(const HelpTopics& topics);

}  // namespace pq::cli
