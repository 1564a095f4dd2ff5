// Help on what is neither a component nor a key: options of the command line, exit codes, routes, environment variables, model families.
#pragma once

#include "help_text.hpp"

#include <string>
#include <vector>

namespace pq::cli {

/// Words that name a page of help_topic().
std::vector<std::string> topic_words();
/// The page of such a word ("exit codes", "routes", ...); "" = there is none.
std::string topic_page(const std::string& word);

/// Every command that has this option of the command line ("--force" or "force"), with what it means there; "" = none has.
std::string about_command_option(const CLI::App& app, const std::string& word);
/// "--force", ...
std::vector<std::string> command_options(const CLI::App& app);

/// The help of a command that is named with the one around it: "codec bench"; "" = there is none.
std::string about_nested_command(const CLI::App& app, const std::string& words);

}  // namespace pq::cli
