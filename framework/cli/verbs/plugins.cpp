// polyquant plugins: what was found on the search path, and whether one library is usable.
#include "plugin/registry.hpp"
#include "session.hpp"
#include "verbs.hpp"

#include <polyquant/base/error.hpp>

#include <nlohmann/json.hpp>

namespace pq::cli {
namespace {

struct Options {
  std::string check;
  bool json = false;
};

nlohmann::ordered_json to_json(const PluginStatus& plugin) {
  auto provides = nlohmann::ordered_json::array();
  for (const auto& item : plugin.provides)
    provides.push_back({{"kind", item.kind}, {"id", item.id}, {"summary", item.summary}});
  nlohmann::ordered_json result = {
      {"name", plugin.name},          {"version", plugin.version},       {"abi", plugin.abi},
      {"file", plugin.file.string()}, {"provides", std::move(provides)}, {"ok", plugin.ok}};
  result["error"] = plugin.ok ? nlohmann::ordered_json() : nlohmann::ordered_json(plugin.error);
  return result;
}

nlohmann::ordered_json to_json(const std::vector<PluginStatus>& plugins) {
  auto list = nlohmann::ordered_json::array();
  for (const PluginStatus& plugin : plugins) list.push_back(to_json(plugin));
  return list;
}

std::string listing(const std::vector<PluginStatus>& plugins) {
  std::string out;
  for (const PluginStatus& plugin : plugins) {
    if (!plugin.ok) {
      out += plugin.file.string() + "\n  refused: " + plugin.error + "\n";
      continue;
    }
    out += plugin.name + " " + plugin.version + ": " + plugin.summary + "\n  " + plugin.file.string() + "\n";
    std::vector<std::vector<std::string>> rows;
    for (const auto& item : plugin.provides) rows.push_back({"  " + item.kind, item.id, item.summary});
    out += text_table(rows);
  }
  return out;
}

void list(Session& session, bool json) {
  const auto& plugins = session.registry().plugins();
  if (json) return session.print_json(to_json(plugins));
  if (plugins.empty()) {
    std::string folders;
    for (const auto& folder :
         plugin_search_path({session.globals.plugin_path.begin(), session.globals.plugin_path.end()}))
      folders += (folders.empty() ? "" : ", ") + folder.string();
    throw PluginError("no plugins were found in " + folders +
                      "; give a folder with --plugin-path or POLYQUANT_PLUGIN_PATH");
  }
  session.print(listing(plugins));
}

// Loads the library on its own, so that components of other plugins cannot be in its way.
void check(Session& session, const Options& options) {
  PluginRegistry alone;
  PluginStatus status;
  status.file = options.check;
  try {
    alone.load(options.check);
    if (!alone.plugins().empty()) status = alone.plugins().back();
  } catch (const PluginError& error) {
    if (!options.json) throw;
    status.error = error.what();
    session.print_json(nlohmann::ordered_json::array({to_json(status)}));
    throw;
  }
  if (options.json) return session.print_json(to_json(alone.plugins()));
  session.print(listing(alone.plugins()) + "ok\n");
}

}  // namespace

void add_plugins(CLI::App& app, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("plugins", "List the plugins and what they provide.");
  verb->add_option("--check", options->check, "Load this library on its own and say whether it can be used.")
      ->type_name("FILE");
  verb->add_flag("--json", options->json, "Print JSON.");
  session.on(*verb, [&session, options] {
    options->check.empty() ? list(session, options->json) : check(session, *options);
  });
}

}  // namespace pq::cli
