#include "help_text.hpp"

#include "allocation/recipe.hpp"
#include "allocation/recipe_conditions.hpp"
#include "config/defaults.hpp"
#include "config/pipeline_keys.hpp"
#include "help_topics.hpp"
#include "model/gguf_names.hpp"
#include "session.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <fmt/format.h>

#include <set>

namespace pq::cli {
namespace {

constexpr const char* kKinds[] = {"encoding", "quantizer", "format", "backend"};

std::string join(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

std::vector<const CLI::App*> verbs_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* verb) { return !verb->get_group().empty(); });
}

std::string component_text(const ComponentInfo& component) {
  std::string text = fmt::format("{} ({}): {}\n", component.id, component.kind, component.summary);
  if (!component.facts.empty()) text += fmt::format("  {}\n", component.facts);
  if (!component.plugin.empty()) text += fmt::format("  from plugin {}\n", component.plugin);
  if (component.options.empty()) return text + "  no options\n";
  std::vector<std::vector<std::string>> rows;
  for (const OptionInfo& option : component.options)
    rows.push_back({"  " + option.name, option_values(option), option.help});
  return text + "\n" + text_table(rows);
}

std::string kind_text(const HelpTopics& topics, const std::string& kind) {
  std::vector<std::vector<std::string>> rows;
  for (const ComponentInfo& component : topics.components)
    if (component.kind == kind) rows.push_back({"  " + component.id, component.summary, component.facts});
  return kind + "s:\n" + (rows.empty() ? "  none; see `polyquant plugins`\n" : text_table(rows));
}

std::string recipes_text(const HelpTopics& topics) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [id, summary] : topics.recipes) rows.push_back({"  " + id, summary});
  return "recipes:\n" + text_table(rows);
}

std::string joined(const std::vector<Node>& encodings) {
  std::string text;
  for (const Node& encoding : encodings) text += (text.empty() ? "" : ", ") + encoding.text();
  return text;
}

std::string recipe_text(const std::string& id) {
  const Recipe recipe = load_recipe(id, {});
  std::string text = fmt::format("{} (recipe): {}\n", id, recipe.summary);
  std::vector<std::vector<std::string>> rows;
  for (const RecipeRule& rule : recipe.rules) rows.push_back({"  " + joined(rule.encodings), rule.text});
  rows.push_back({"  " + joined(recipe.encodings), "otherwise"});
  text += "\nThe first rule whose conditions all hold decides:\n" + text_table(rows);
  std::set<std::string> used;
  const auto use = [&](const std::vector<Node>& encodings) { used.insert(encodings.back().text()); };
  for (const RecipeRule& rule : recipe.rules) use(rule.encodings);
  use(recipe.encodings);
  rows.clear();
  for (const auto& [encoding, others] : recipe.substitutes)
    if (used.contains(encoding)) rows.push_back({"  " + encoding, joined(others)});
  if (!rows.empty())
    text += "\nWhere the columns are no multiple of the block, in place of\n" + text_table(rows);
  return text +
         "\n`polyquant help conditions` explains the conditions; a pipeline can have recipes of its own "
         "under `recipes`.\n";
}

std::string roles_text() {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [role, names] : GgufNames::installed().by_role())
    rows.push_back({"  " + role, join(names)});
  return "roles: the words of `match` in rules and of `roles` in recipes, with the tensors that have them in "
         "GGUF "
         "files\n" +
         text_table(rows);
}

std::string categories_text() {
  return "category: of a tensor, as recipes count them: " + join(recipe_categories()) + "\n";
}

std::string conditions_text() {
  std::vector<std::vector<std::string>> rows;
  for (const RecipeConditionKind& kind : recipe_condition_kinds())
    rows.push_back({"  " + kind.key, kind.help});
  return "conditions: of the rules of a recipe\n" + text_table(rows);
}

std::string about_key(const std::string& word) {
  std::string text;
  const auto look = [&](const PipelineKeys& keys, const char* where) {
    for (const PipelineKey& key : keys) {
      if (key.name != word) continue;
      text += fmt::format("{} (key of {}): {}\n", word, where, key.help);
      if (!key.choices.empty()) text += fmt::format("  {}\n", join(key.choices));
      if (const std::string normal = default_of(key); !normal.empty())
        text += fmt::format("  default {}\n", normal);
      if (!key.available) text += "  not available in this version\n";
    }
  };
  look(pipeline_keys(), "a pipeline");
  look(output_keys(), "an output");
  look(rule_keys(), "a rule");
  look(backend_keys(), "a backend");
  look(calibration_keys(), "calibration");
  look(common_format_option_keys(), "an output's options");
  return text;
}

std::string about_condition(const std::string& word) {
  for (const RecipeConditionKind& kind : recipe_condition_kinds())
    if (kind.key == word) return fmt::format("{} (condition of a recipe's rule): {}\n", word, kind.help);
  return "";
}

std::string about_option(const HelpTopics& topics, const std::string& word) {
  std::vector<std::vector<std::string>> rows;
  for (const ComponentInfo& component : topics.components)
    for (const OptionInfo& option : component.options)
      if (option.name == word)
        rows.push_back(
            {fmt::format("  {} ({})", component.id, component.kind), option_values(option), option.help});
  return rows.empty() ? "" : "option '" + word + "' of\n" + text_table(rows);
}

std::vector<std::string> known_words(const HelpTopics& topics) {
  std::vector<std::string> words = topic_words();
  words.insert(words.end(), {"recipes", "roles", "conditions"});
  for (const RecipeConditionKind& kind : recipe_condition_kinds()) words.push_back(kind.key);
  for (const std::string& role : GgufNames::installed().role_words()) words.push_back(role);
  for (const char* kind : kKinds) words.push_back(std::string(kind) + "s");
  for (const CLI::App* verb : verbs_of(*topics.app)) words.push_back(verb->get_name());
  for (const auto& recipe : topics.recipes) words.push_back(recipe.first);
  for (const ComponentInfo& component : topics.components) {
    words.push_back(component.id);
    for (const OptionInfo& option : component.options) words.push_back(option.name);
  }
  for (const PipelineKeys* keys : {&pipeline_keys(), &output_keys(), &rule_keys(), &backend_keys(),
                                   &calibration_keys(), &common_format_option_keys()})
    for (const PipelineKey& key : *keys) words.push_back(key.name);
  const auto options = command_options(*topics.app);
  words.insert(words.end(), options.begin(), options.end());
  return words;
}

}  // namespace

std::string option_values(const OptionInfo& option) {
  constexpr const char* kTypes[] = {"true or false", "integer", "number", "text"};
  std::string text = option.choices.empty() ? kTypes[static_cast<int>(option.type)]
                                            : fmt::format("{}", fmt::join(option.choices, " | "));
  if (option.minimum && option.maximum)
    text += fmt::format(", {} to {}", *option.minimum, *option.maximum);
  else if (option.minimum)
    text += fmt::format(", at least {}", *option.minimum);
  else if (option.maximum)
    text += fmt::format(", at most {}", *option.maximum);
  return text + (option.default_text.empty() ? "" : ", default " + option.default_text);
}

HelpTopics help_topics(const CLI::App& app, const PluginRegistry& registry) {
  HelpTopics topics{&app, list_components(registry), {}};
  for (const std::string& id : known_recipes()) topics.recipes.emplace_back(id, load_recipe(id, {}).summary);
  return topics;
}

std::string help_overview(const HelpTopics& topics) {
  std::vector<std::vector<std::string>> rows;
  for (const CLI::App* verb : verbs_of(*topics.app))
    rows.push_back({"  " + verb->get_name(), verb->get_description()});
  std::string text = "Commands (more with `polyquant help COMMAND`):\n" + text_table(rows);
  for (const char* kind : kKinds) text += "\n" + kind_text(topics, kind);
  return text + "\n" + recipes_text(topics) +
         "\nMore about each with `polyquant help NAME`; the name of an option or of a pipeline's key works "
         "too, `help roles` and `help conditions` list the words of rules, and there are pages on " +
         fmt::format("{}", fmt::join(topic_words(), ", ")) + ".\n";
}

std::string help_about(const HelpTopics& topics, const std::string& word) {
  for (const CLI::App* verb : verbs_of(*topics.app))
    if (verb->get_name() == word) return verb->help("polyquant");
  if (std::string text = about_nested_command(*topics.app, word); !text.empty()) return text;
  if (std::string text = topic_page(word); !text.empty()) return text;
  if (word == "recipes") return recipes_text(topics);
  std::vector<std::string> parts;
  for (const char* kind : kKinds)
    if (word == std::string(kind) + "s") parts.push_back(kind_text(topics, kind));
  for (const ComponentInfo& component : topics.components)
    if (component.id == word) parts.push_back(component_text(component));
  for (const auto& [id, summary] : topics.recipes)
    if (id == word) parts.push_back(recipe_text(id));
  if (word == "roles") parts.push_back(roles_text());
  for (const auto& [role, names] : GgufNames::installed().by_role())
    if (role == word) parts.push_back(fmt::format("{} (role): of {} in GGUF files\n", role, join(names)));
  if (word == "category") parts.push_back(categories_text());
  if (word == "conditions") parts.push_back(conditions_text());
  parts.push_back(about_condition(word));
  parts.push_back(about_option(topics, word));
  parts.push_back(about_key(word));
  parts.push_back(about_command_option(*topics.app, word));
  std::string text;
  for (const std::string& part : parts) text += (text.empty() || part.empty() ? "" : "\n") + part;
  if (!text.empty()) return text;
  throw ConfigError("nothing is known about '" + word + "'" + suggestion(word, known_words(topics)));
}

std::vector<std::string> help_words(const HelpTopics& topics) {
  std::set<std::string> words;
  for (const std::string& word : known_words(topics))
    if (word.find(' ') == std::string::npos) words.insert(word);  // shells would complete two
  return {words.begin(), words.end()};
}

}  // namespace pq::cli
