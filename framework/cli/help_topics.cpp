#include "help_topics.hpp"

#include "model/family.hpp"
#include "plan/plan.hpp"
#include "report/text_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

namespace pq::cli {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// docs/explain/plan-and-run.md says the same at length; tests/acceptance/test_help.py compares the codes.
std::string exit_codes() {
  const Rows rows = {
      {"  0", "done"},
      {"  1", "a defect of polyquant; please report it"},
      {"  2", "usage or configuration: command line, what the pipeline says, an output that exists"},
      {"  3", "an input is missing, cannot be read or is malformed"},
      {"  4", "does not fit: disk, memory, too many open files, a missing device"},
      {"  5",
       "verification failed, `lossless: require` cannot be met, weights beyond the range of their encoding"},
      {"  6", "a plugin is missing or incompatible"},
      {"  130", "interrupted; run the same command again to continue"}};
  return "exit codes:\n" + text_table(rows) +
         "With another code above 128 a signal ended the program: 141 is a closed pipe, 143 is SIGTERM.\n";
}

std::string routes() {
  const auto row = [](Route route, const char* text) {
    return std::vector<std::string>{fmt::format("  {}", to_string(route)), text};
  };
  const Rows rows = {
      row(Route::copy, "the stored bytes"),
      row(Route::repack,
          "the same codes and scales in another layout where every weight fits exactly, or but "
          "for offsets that are rounded by up to 1/64 of a step"),
      row(Route::quantize, "decoded and encoded anew")};
  return "routes: how the rows of a tensor get into an output; `polyquant plan -v` shows that of each "
         "tensor\n" +
         text_table(rows);
}

std::string environment() {
  const Rows rows = {
      {"  POLYQUANT_PLUGIN_PATH",
       "folders that are searched for plugins after --plugin-path, with colons between them"},
      {"  POLYQUANT_DATA", "the data folder (families, recipes, templates) in place of the installation's"}};
  return "environment variables:\n" + text_table(rows) +
         "Pipelines and --set read any variable that they name: ${NAME} and ${NAME:-default}; $$ is a dollar "
         "sign. The "
         "examples use POLYQUANT_MODELS (the folder of the models) and POLYQUANT_OUT (that of the "
         "outputs).\n";
}

std::string families() {
  Rows rows;
  for (const Family& family : installed_families())
    rows.push_back(
        {"  " + family.id, family.summary, fmt::format("{}", fmt::join(family.architectures, ", "))});
  return "families: models that are converted between Hugging Face and GGUF, and that can be run\n" +
         text_table(rows);
}

struct Topic {
  const char* word;
  std::string (*page)();
};
constexpr Topic kTopics[] = {
    {"exit codes", exit_codes}, {"routes", routes}, {"environment", environment}, {"families", families}};

/// Calls `visit` for every command, those inside others included, with its name as it is typed.
void for_commands(const CLI::App& app, const std::string& name,
                  const std::function<void(const CLI::App&, const std::string&)>& visit) {
  visit(app, name.empty() ? "polyquant" : name);
  for (const CLI::App* sub :
       app.get_subcommands([](const CLI::App* verb) { return !verb->get_group().empty(); }))
    for_commands(*sub, name.empty() ? sub->get_name() : name + " " + sub->get_name(), visit);
}

std::string without_dashes(const std::string& word) {
  return word.substr(std::min(word.find_first_not_of('-'), word.size()));
}

}  // namespace

std::vector<std::string> topic_words() {
  std::vector<std::string> words;
  for (const Topic& topic : kTopics) words.emplace_back(topic.word);
  return words;
}

std::string topic_page(const std::string& word) {
  std::string wanted = word;
  std::transform(wanted.begin(), wanted.end(), wanted.begin(), [](char c) {
    return c == '-' ? ' ' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  for (const Topic& topic : kTopics)
    if (wanted == topic.word) return topic.page();
  for (const Route route : {Route::copy, Route::repack, Route::quantize})
    if (wanted == to_string(route)) return routes();
  return "";
}

std::string about_command_option(const CLI::App& app, const std::string& word) {
  const std::string name = without_dashes(word);
  Rows rows;
  std::set<std::string> said;  // global options are those of every command
  for_commands(app, "", [&](const CLI::App& verb, const std::string& command) {
    for (const CLI::Option* option : verb.get_options()) {
      const auto longs = option->get_lnames(), shorts = option->get_snames();
      const auto has = [&](const auto& names) {
        return std::find(names.begin(), names.end(), name) != names.end();
      };
      if (option->get_group().empty() || (!has(longs) && !has(shorts))) continue;
      const bool is_global = verb.get_parent() == nullptr;
      if (said.contains(option->get_description())) continue;
      if (is_global) said.insert(option->get_description());
      const std::string type = option->get_type_name().empty() ? "" : " " + option->get_type_name();
      rows.push_back({"  " + command, option->get_name(false, true) + type, option->get_description()});
    }
  });
  return rows.empty()
             ? ""
             : "option " + std::string(name.size() == 1 ? "-" : "--") + name + " of\n" + text_table(rows);
}

std::vector<std::string> command_options(const CLI::App& app) {
  std::set<std::string> names;
  for_commands(app, "", [&](const CLI::App& verb, const std::string&) {
    for (const CLI::Option* option : verb.get_options())
      if (!option->get_group().empty())
        for (const std::string& name : option->get_lnames()) names.insert("--" + name);
  });
  return {names.begin(), names.end()};
}

std::string about_nested_command(const CLI::App& app, const std::string& words) {
  std::string text;
  for_commands(app, "", [&](const CLI::App& verb, const std::string& command) {
    if (command == words && verb.get_parent() != nullptr && verb.get_parent()->get_parent() != nullptr)
      text = verb.help("polyquant " + command.substr(0, command.rfind(' ')));
  });
  return text;
}

}  // namespace pq::cli
