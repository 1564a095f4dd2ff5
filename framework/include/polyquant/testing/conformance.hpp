// The conformance suite: what every encoding, quantizer, format and backend must hold. Needs no test framework; the program
// polyquant-conformance runs it on plugins, and polyquant_add_plugin() makes a test of that.
//
//   for (const auto& result : pq::testing::check_encoding({encoding, from_spec})) ...
#pragma once

#include <polyquant/base/error.hpp>
#include <polyquant/plugin.hpp>
#include <polyquant/testing/backend_checks.hpp>
#include <polyquant/testing/device_codec_checks.hpp>
#include <polyquant/testing/encoding_view_checks.hpp>
#include <polyquant/testing/format_checks.hpp>
#include <polyquant/testing/quantizer_checks.hpp>

#include <string>
#include <vector>

namespace pq::testing {
namespace entry_checks {

template <class Interface>
void has_description(const Entry<Interface>& entry, Findings& findings) {
  findings.expect(!entry.summary.empty() && entry.summary.find('\n') == std::string::npos,
                  "the summary is not one line");
  for (const OptionInfo& option : entry.options) {
    findings.expect(!option.name.empty() && !option.help.empty() && option.help.back() == '.',
                    "the help of '", option.name, "' is no sentence");
    findings.expect(option.choices.empty() ||
                        std::count(option.choices.begin(), option.choices.end(), option.default_text) == 1,
                    "the default of '", option.name, "' is none of its choices");
  }
}

template <class Interface>
void makes_the_component(const Entry<Interface>& entry, Findings& findings) {
  const auto component = entry.make(Node());
  if (findings.expect(component != nullptr, "the factory makes nothing"))
    findings.expect(component->info().id == entry.id, "the component calls itself '", component->info().id,
                    "'");
  Node defaults = Node::map();
  for (const OptionInfo& option : entry.options) defaults.set(option.name, Node::scalar(option.default_text));
  findings.expect(entry.make(defaults) != nullptr, "the factory makes nothing of the written defaults");
}

template <class Interface>
void refuses_unknown_options(const Entry<Interface>& entry, Findings& findings) {
  Node options = Node::map();
  options.set("no_such_option", Node::scalar("1"));
  try {
    entry.make(options);
    findings.expect(false, "an unknown option is ignored");
  } catch (const ConfigError& error) {
    findings.expect(std::string(error.what()).find("no_such_option") != std::string::npos,
                    "the message does not name the option: ", error.what());
  }
}

}  // namespace entry_checks

/// The checks of how any component is registered.
template <class Interface>
std::vector<CheckResult> check_entry(const std::string& kind, const Entry<Interface>& entry) {
  std::vector<CheckResult> results;
  run_checks<Entry<Interface>>(
      kind + " " + entry.id, entry,
      {{"it is described", entry_checks::has_description<Interface>},
       {"its factory makes it, also from the written defaults", entry_checks::makes_the_component<Interface>},
       {"unknown options are refused", entry_checks::refuses_unknown_options<Interface>}},
      results);
  return results;
}

/// Option maps worth trying: none, and each choice of each option alone.
inline std::vector<Node> option_variants(const OptionTable& options) {
  std::vector<Node> variants = {Node::map()};
  for (const OptionInfo& option : options) {
    const std::vector<std::string> values =
        option.type == OptionType::boolean ? std::vector<std::string>{"true", "false"} : option.choices;
    for (const std::string& value : values) {
      if (value == option.default_text) continue;
      variants.push_back(Node::map());
      variants.back().set(option.name, Node::scalar(value));
    }
  }
  return variants;
}

}  // namespace pq::testing
