// polyquant new: projects to start from. What is in them is data: share/polyquant/templates.
#include "plugin/registry.hpp"
#include "project_template.hpp"
#include "session.hpp"
#include "verbs.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>
#include <polyquant/version.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace pq::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCommon = "common";  // files of every kind
constexpr std::size_t kMaxName = 40;

struct Options {
  std::string name, kind = "encoding", to;
};

/// The folders beside `common`, one per kind of component.
std::vector<std::string> known_kinds(const fs::path& templates) {
  std::vector<std::string> kinds;
  std::error_code failed;
  for (fs::directory_iterator at(templates, failed), end; !failed && at != end; at.increment(failed))
    if (at->is_directory() && at->path().filename() != kCommon)
      kinds.push_back(at->path().filename().string());
  if (kinds.empty())
    throw FormatError(templates.string() +
                      ": there are no templates here; set POLYQUANT_DATA to the installation's data folder");
  std::sort(kinds.begin(), kinds.end());
  return kinds;
}

/// The name becomes an id, the name of files, and part of names in C++.
void check_name(const std::string& name) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (name.empty() || name.size() > kMaxName || name[0] < 'a' || name[0] > 'z' ||
      !std::all_of(name.begin(), name.end(), fits))
    throw ConfigError(
        fmt::format("'{}' cannot be the name of a plugin; use a to z, 0 to 9 and _, a letter first, "
                    "at most {} characters",
                    name, kMaxName));
  // CMake has targets of these names.
  for (const char* taken :
       {"all", "clean", "help", "install", "package", "test", "edit_cache", "rebuild_cache"})
    if (name == taken)
      throw ConfigError(fmt::format("'{}' is a target of every CMake project; choose another name", name));
}

/// Ids must be unique among the plugins that are loaded together.
void check_id_is_free(const PluginRegistry& registry, const std::string& kind, const std::string& name) {
  for (const PluginStatus& plugin : registry.plugins())
    for (const PluginStatus::Provided& provided : plugin.provides)
      if (provided.kind == kind && provided.id == name)
        throw ConfigError(fmt::format("the {} '{}' exists already, in {}; choose another name", kind, name,
                                      plugin.file.string()));
}

void new_plugin(Session& session, const Options& options) {
  const fs::path templates = data_folder() / "templates" / "plugin";
  const std::vector<std::string> kinds = known_kinds(templates);
  if (std::find(kinds.begin(), kinds.end(), options.kind) == kinds.end())
    throw ConfigError(fmt::format("--kind {}: there is no such kind of component; known: {}", options.kind,
                                  fmt::join(kinds, ", ")));
  check_name(options.name);
  check_id_is_free(session.registry(), options.kind, options.name);
  const fs::path target = options.to.empty() ? options.name : options.to;
  const auto files = write_project({templates / kCommon, templates / options.kind}, target,
                                   {{"name", options.name},
                                    {"Name", camel_case(options.name)},
                                    {"kind", options.kind},
                                    {"version", fmt::format("{}.{}", kVersionMajor, kVersionMinor)}});
  if (session.globals.quiet) return;
  session.print(fmt::format(
      "wrote {0}: {1}\nbuild and test it with: cd {0} && cmake -S . -B build && cmake --build build && "
      "ctest --test-dir build\n",
      target.string(), fmt::join(files, " ")));
}

}  // namespace

void add_new(CLI::App& app, Session& session) {
  CLI::App& verb = *app.add_subcommand("new", "Make a project to start from.");
  verb.require_subcommand(1);
  const auto options = std::make_shared<Options>();
  CLI::App& plugin = *verb.add_subcommand("plugin", "Make a plugin that builds, with its tests.");
  plugin.add_option("NAME", options->name, "The plugin's name, and the id of its component.")
      ->type_name("NAME")
      ->required();
  plugin.add_option("--kind", options->kind, "What it provides: encoding, quantizer, format or backend.")
      ->type_name("KIND")
      ->capture_default_str();
  plugin.add_option("--to", options->to, "The folder to make; NAME without it.")->type_name("FOLDER");
  session.on(plugin, [&session, options] { new_plugin(session, *options); });
}

}  // namespace pq::cli
