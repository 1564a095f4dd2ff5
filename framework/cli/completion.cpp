#include "completion.hpp"

#include "config/pipeline_keys.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pq::cli {
namespace {

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, " ")); }

std::vector<std::string> option_words(const CompletionVerb& verb) {
  std::vector<std::string> words;
  for (const auto& option : verb.options) words.insert(words.end(), option.names.begin(), option.names.end());
  return words;
}

CompletionVerb::Option to_option(const CLI::Option& option) {
  CompletionVerb::Option result;
  for (const std::string& name : option.get_lnames()) result.names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) result.names.push_back("-" + name);
  result.help = option.get_description();
  result.type = option.get_type_size() == 0 ? "" : option.get_type_name();
  return result;
}

// Words that complete a value, for a shell: `words` or, for paths, `paths`.
std::string bash_values(const HelpTopics& topics, const std::string& type) {
  const auto words = completion_words(topics, type);
  if (!words.empty()) return fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$word\"))", joined(words));
  return completes_paths(type) ? "COMPREPLY=($(compgen -f -- \"$word\"))" : "COMPREPLY=()";
}

std::string bash_verb(const HelpTopics& topics, const CompletionVerb& verb) {
  std::string text = fmt::format("    {})\n      case $previous in\n", verb.name);
  for (const auto& option : verb.options)
    if (!option.type.empty())
      text += fmt::format("        {}) {}; return;;\n", fmt::join(option.names, "|"),
                          bash_values(topics, option.type));
  text += "      esac\n";
  text += fmt::format("      if [[ $word == -* ]]; then COMPREPLY=($(compgen -W '{}' -- \"$word\"))\n",
                      joined(option_words(verb)));
  text +=
      verb.subcommands.empty()
          ? ""
          : fmt::format("      elif ((COMP_CWORD == 2)); then COMPREPLY=($(compgen -W '{}' -- \"$word\"))\n",
                        joined(verb.subcommands));
  return text + fmt::format("      else {}; fi;;\n", bash_values(topics, verb.positional));
}

// Text inside single quotes of zsh and fish.
std::string escaped(const std::string& text, const std::string& special) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string::npos) out += '\\';
    out += c;
  }
  return out;
}
std::string without_quotes(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), '\''), text.end());
  return text;
}

std::string zsh_values(const HelpTopics& topics, const std::string& type) {
  const auto words = completion_words(topics, type);
  if (!words.empty()) return ":" + type + ":(" + joined(words) + ")";
  return completes_paths(type) ? ":" + type + ":_files" : ":" + type + ": ";
}

std::string zsh_verb(const HelpTopics& topics, const CompletionVerb& verb) {
  std::string text = fmt::format("    {}) _arguments", verb.name);
  for (const auto& option : verb.options)
    for (const std::string& name : option.names)
      text += fmt::format(" \\\n      '*{}[{}]{}'", name, escaped(without_quotes(option.help), "[]:"),
                          option.type.empty() ? "" : zsh_values(topics, option.type));
  if (!verb.subcommands.empty()) text += fmt::format(" \\\n      '1:command:({})'", joined(verb.subcommands));
  if (!verb.positional.empty()) text += fmt::format(" \\\n      '*{}'", zsh_values(topics, verb.positional));
  return text + ";;\n";
}

std::string fish_verb(const HelpTopics& topics, const CompletionVerb& verb) {
  const std::string condition =
      fmt::format("complete -c polyquant -n '__fish_seen_subcommand_from {}'", verb.name);
  std::string text = fmt::format("complete -c polyquant -n __fish_use_subcommand -f -a {} -d '{}'\n",
                                 verb.name, without_quotes(verb.help));
  for (const auto& option : verb.options) {
    text += condition;
    for (const std::string& name : option.names)
      text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    if (const auto words = completion_words(topics, option.type); !words.empty())
      text += fmt::format(" -x -a '{}'", joined(words));
    else if (!option.type.empty())
      text += completes_paths(option.type) ? " -r -F" : " -x";
    text += fmt::format(" -d '{}'\n", without_quotes(option.help));
  }
  const auto words = completion_words(topics, verb.positional);
  if (!verb.subcommands.empty()) text += fmt::format("{} -f -a '{}'\n", condition, joined(verb.subcommands));
  if (!words.empty())
    text += fmt::format("{} -f -a '{}'\n", condition, joined(words));
  else if (completes_paths(verb.positional))
    text += condition + " -F\n";
  return text;
}

}  // namespace

std::vector<CompletionVerb> completion_verbs(const CLI::App& app) {
  std::vector<CompletionVerb> verbs;
  for (const CLI::App* sub :
       app.get_subcommands([](const CLI::App* verb) { return !verb->get_group().empty(); })) {
    CompletionVerb verb{sub->get_name(), sub->get_description(), {}, "", {}};
    const auto collect = [&](const CLI::App& level) {
      for (const CLI::Option* option : level.get_options()) {
        if (option->get_group().empty()) continue;
        if (option->get_positional()) {
          if (verb.positional.empty()) verb.positional = option->get_type_name();
          continue;
        }
        CompletionVerb::Option entry = to_option(*option);
        const auto known = [&](const auto& other) { return other.names == entry.names; };
        if (std::none_of(verb.options.begin(), verb.options.end(), known))
          verb.options.push_back(std::move(entry));
      }
    };
    collect(*sub);
    for (const CLI::App* nested : sub->get_subcommands([](const CLI::App*) { return true; })) {
      verb.subcommands.push_back(nested->get_name());
      collect(*nested);
    }
    verbs.push_back(std::move(verb));
  }
  return verbs;
}

std::vector<std::string> completion_words(const HelpTopics& topics, const std::string& type) {
  std::vector<std::string> words;
  if (type == "RECIPE")
    for (const auto& recipe : topics.recipes) words.push_back(recipe.first);
  if (type == "SHELL") return {"bash", "zsh", "fish"};
  if (type == "LEVEL") return {"fast", "normal", "best"};
  if (type == "BACKEND") words.push_back("auto");
  for (const ComponentInfo& component : topics.components) {
    const bool wanted = type == "COMPONENT" || (type == "ENCODING" && component.kind == "encoding") ||
                        (type == "QUANTIZER" && component.kind == "quantizer") ||
                        (type == "FORMAT" && component.kind == "format") ||
                        (type == "BACKEND" && component.kind == "backend");
    if (wanted && std::find(words.begin(), words.end(), component.id) == words.end())
      words.push_back(component.id);
  }
  return words;
}

bool completes_paths(const std::string& type) { return type == "FILE" || type == "FOLDER" || type == "PATH"; }

std::string bash_completion(const HelpTopics& topics) {
  const auto verbs = completion_verbs(*topics.app);
  std::string names;
  std::string cases;
  for (const CompletionVerb& verb : verbs) {
    names += (names.empty() ? "" : " ") + verb.name;
    cases += bash_verb(topics, verb);
  }
  return fmt::format(
      "# bash completion of polyquant; use it with:  source <(polyquant completion bash)\n"
      "_polyquant() {{\n  local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}\n"
      "  if ((COMP_CWORD == 1)); then COMPREPLY=($(compgen -W '{} --help --version' -- \"$word\")); return; "
      "fi\n"
      "  case ${{COMP_WORDS[1]}} in\n{}  esac\n}}\ncomplete -o filenames -F _polyquant polyquant\n",
      names, cases);
}

std::string zsh_completion(const HelpTopics& topics) {
  std::string names;
  std::string cases;
  for (const CompletionVerb& verb : completion_verbs(*topics.app)) {
    names += fmt::format("    '{}:{}'\n", verb.name, escaped(without_quotes(verb.help), ":"));
    cases += zsh_verb(topics, verb);
  }
  return fmt::format(
      "#compdef polyquant\n# zsh completion of polyquant; use it with:  source <(polyquant completion zsh)\n"
      "_polyquant() {{\n  local -a verbs\n  verbs=(\n{}  )\n"
      "  if ((CURRENT == 2)); then _describe command verbs; return; fi\n"
      "  local verb=$words[2]\n  shift words\n  ((CURRENT--))\n  case $verb in\n{}  esac\n}}\ncompdef "
      "_polyquant polyquant\n",
      names, cases);
}

std::string fish_completion(const HelpTopics& topics) {
  std::string text = "# fish completion of polyquant; use it with:  polyquant completion fish | source\n";
  for (const CompletionVerb& verb : completion_verbs(*topics.app)) text += fish_verb(topics, verb);
  return text;
}

}  // namespace pq::cli
