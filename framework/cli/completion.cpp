#include "completion.hpp"

#include "config/pipeline_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

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
  // Behind a colon CLI11 adds what a check says.
  const std::string type = option.get_type_name();
  result.type = option.get_type_size() == 0 ? "" : type.substr(0, type.find(':'));
  return result;
}

// Words that complete a value, for a shell: `words` or, for paths, `paths`.
std::string bash_values(const HelpTopics& topics, const std::string& type) {
  const auto words = completion_words(topics, type);
  if (!words.empty()) return fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$word\"))", joined(words));
  // Readline knows how to quote, and what ~ is.
  return completes_paths(type) ? "compopt -o default; COMPREPLY=()" : "COMPREPLY=()";
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
  text += verb.subcommands.empty()
              ? ""
              : fmt::format(
                    "      elif ((COMP_CWORD == at + 1)); then COMPREPLY=($(compgen -W '{}' -- \"$word\"))\n",
                    joined(verb.subcommands));
  return text + fmt::format("      else {}; fi;;\n", bash_values(topics, verb.positional));
}

/// Without a subcommand so far: its name, or a global option.
std::string bash_top(const HelpTopics& topics, const CompletionVerb& top) {
  std::string text = "    '')\n      case $previous in\n";
  for (const auto& option : top.options)
    if (!option.type.empty())
      text += fmt::format("        {}) {}; return;;\n", fmt::join(option.names, "|"),
                          bash_values(topics, option.type));
  return text + fmt::format("      esac\n      COMPREPLY=($(compgen -W '{} {}' -- \"$word\"));;\n",
                            joined(top.subcommands), joined(option_words(top)));
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
  std::string text = fmt::format("    {}) _arguments", verb.name.empty() ? "''" : verb.name);
  for (const auto& option : verb.options)
    for (const std::string& name : option.names)
      // "--name=" takes the value behind a blank, too.
      text += fmt::format(" \\\n      '*{}{}[{}]{}'", name,
                          option.type.empty() || !name.starts_with("--") ? "" : "=",
                          escaped(without_quotes(option.help), "[]:"),
                          option.type.empty() ? "" : zsh_values(topics, option.type));
  if (!verb.subcommands.empty()) text += fmt::format(" \\\n      '1:command:({})'", joined(verb.subcommands));
  if (!verb.positional.empty()) text += fmt::format(" \\\n      '*{}'", zsh_values(topics, verb.positional));
  return text + ";;\n";
}

std::string fish_verb(const HelpTopics& topics, const CompletionVerb& verb) {
  const std::string condition = fmt::format("complete -c polyquant -n '__polyquant_verb_is {}'",
                                            verb.name.empty() ? "\"\"" : verb.name);
  std::string text;
  if (!verb.name.empty())
    text = fmt::format("complete -c polyquant -n '__polyquant_verb_is \"\"' -f -a {} -d '{}'\n", verb.name,
                       without_quotes(verb.help));
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

void collect(CompletionVerb& verb, const CLI::App& level) {
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
}

/// Global options that a value follows, as alternatives of a shell's case.
std::string with_values(const CompletionVerb& top) {
  std::vector<std::string> names;
  for (const auto& option : top.options)
    if (!option.type.empty()) names.insert(names.end(), option.names.begin(), option.names.end());
  return fmt::format("{}", fmt::join(names, "|"));
}

}  // namespace

CompletionVerb completion_top(const CLI::App& app) {
  CompletionVerb top;
  collect(top, app);
  return top;
}

std::vector<CompletionVerb> completion_verbs(const CLI::App& app) {
  std::vector<CompletionVerb> verbs;
  for (const CLI::App* sub :
       app.get_subcommands([](const CLI::App* verb) { return !verb->get_group().empty(); })) {
    CompletionVerb verb{sub->get_name(), sub->get_description(), {}, "", {}};
    collect(verb, *sub);
    for (const CLI::App* nested : sub->get_subcommands([](const CLI::App*) { return true; })) {
      verb.subcommands.push_back(nested->get_name());
      collect(verb, *nested);
    }
    verbs.push_back(std::move(verb));
  }
  return verbs;
}

std::vector<std::string> completion_words(const HelpTopics& topics, const std::string& type) {
  std::vector<std::string> words;
  if (type == "TOPIC") return help_words(topics);
  if (type == "RECIPE")
    for (const auto& recipe : topics.recipes) words.push_back(recipe.first);
  if (type == "SHELL") return {"bash", "zsh", "fish"};
  if (type == "LEVEL") return {"fast", "normal", "best"};
  if (type == "KIND") return {"encoding", "quantizer", "format", "backend"};
  if (type.find('|') != std::string::npos) {
    std::istringstream alternatives(type);
    for (std::string word; std::getline(alternatives, word, '|');) words.push_back(word);
    return words;
  }
  if (type == "BACKEND") words.push_back("auto");
  for (const ComponentInfo& component : topics.components) {
    const bool wanted =
        type == "COMPONENT" || (type == "ENCODING" && component.kind == "encoding") ||
        (type == "QUANTIZER" && component.kind == "quantizer") ||
        (type == "FORMAT" && component.kind == "format" && !component.facts.starts_with("read only")) ||
        (type == "BACKEND" && component.kind == "backend");
    if (wanted && std::find(words.begin(), words.end(), component.id) == words.end())
      words.push_back(component.id);
  }
  return words;
}

bool completes_paths(const std::string& type) { return type == "FILE" || type == "FOLDER" || type == "PATH"; }

std::string bash_completion(const HelpTopics& topics) {
  const auto verbs = completion_verbs(*topics.app);
  std::string cases;
  for (const CompletionVerb& verb : verbs) {
    cases += bash_verb(topics, verb);
  }
  CompletionVerb top = completion_top(*topics.app);
  for (const CompletionVerb& verb : verbs) top.subcommands.push_back(verb.name);
  // bash cuts words at '=': "--recipe", "=", "q4".
  return fmt::format(
      "# bash completion of polyquant; use it with:  source <(polyquant completion bash)\n"
      "_polyquant() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} at verb=\n"
      "  if [[ $word == = ]]; then word=; elif [[ $previous == = ]]; then "
      "previous=${{COMP_WORDS[COMP_CWORD-2]}}; fi\n"
      "  for ((at = 1; at < COMP_CWORD; at++)); do\n"
      "    case ${{COMP_WORDS[at]}} in\n"
      "      {}) ((at++)); if [[ ${{COMP_WORDS[at]}} == = ]]; then ((at++)); fi;;\n"
      "      -*) ;;\n      *) verb=${{COMP_WORDS[at]}}; break;;\n    esac\n  done\n"
      "  case $verb in\n{}{}  esac\n}}\ncomplete -F _polyquant polyquant\n",
      with_values(top), bash_top(topics, top), cases);
}

std::string zsh_completion(const HelpTopics& topics) {
  std::string names;
  std::string cases;
  for (const CompletionVerb& verb : completion_verbs(*topics.app)) {
    names += fmt::format("    '{}:{}'\n", verb.name, escaped(without_quotes(verb.help), ":"));
    cases += zsh_verb(topics, verb);
  }
  const CompletionVerb top = completion_top(*topics.app);
  return fmt::format(
      "#compdef polyquant\n# zsh completion of polyquant; use it with:  source <(polyquant completion zsh)\n"
      "_polyquant() {{\n  local -a verbs\n  verbs=(\n{}  )\n"
      "  local verb= at\n"
      "  for ((at = 2; at < CURRENT; at++)); do\n"
      "    case $words[at] in\n      {}) ((at++));;\n      -*) ;;\n      *) verb=$words[at]; break;;\n"
      "    esac\n  done\n"
      "  if [[ -z $verb && $words[CURRENT] != -* && $words[CURRENT-1] != ({}) ]]; then _describe command "
      "verbs; return; fi\n"
      "  if [[ -n $verb ]]; then shift $((at - 1)) words; ((CURRENT -= at - 1)); fi\n"
      "  case $verb in\n{}{}  esac\n}}\ncompdef _polyquant polyquant\n",
      names, with_values(top), with_values(top), zsh_verb(topics, top), cases);
}

std::string fish_completion(const HelpTopics& topics) {
  const CompletionVerb top = completion_top(*topics.app);
  std::string global = with_values(top);
  std::replace(global.begin(), global.end(), '|', ' ');
  std::string text = fmt::format(
      "# fish completion of polyquant; use it with:  polyquant completion fish | source\n"
      "function __polyquant_verb_is\n"
      "  set -l words (commandline -opc)\n  set -l verb\n  set -e words[1]\n"
      "  while set -q words[1]\n    switch $words[1]\n      case {}\n        set -e words[1]\n"
      "      case '-*'\n      case '*'\n        set verb $words[1]\n        break\n    end\n"
      "    set -e words[1]\n  end\n  test \"$verb\" = \"$argv[1]\"\nend\n",
      global.empty() ? "''" : global);
  text += fish_verb(topics, top);
  for (const CompletionVerb& verb : completion_verbs(*topics.app)) text += fish_verb(topics, verb);
  return text;
}

}  // namespace pq::cli
