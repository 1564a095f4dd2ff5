#include "number_option.hpp"
#include "session.hpp"
#include "verbs.hpp"

#include <polyquant/version.hpp>

namespace pq::cli {

void add_all_verbs(CLI::App& app, Session& session) {
#define PQ_VERB(name) add_##name(app, session);
#include "verbs.inc"
#undef PQ_VERB
}

namespace {

// Global options may stand before and after the subcommand.
void add_globals(CLI::App& app, Session& session) {
  app.add_option("--plugin-path", session.globals.plugin_path,
                 "Search this folder for plugins first; may be repeated.")
      ->type_name("FOLDER")
      ->allow_extra_args(false)
      ->group(kGlobalGroup);
  CLI::Option* threads = app.add_option("--threads", session.globals.threads,
                                        "Use this many threads; 0 means all that the machine offers.");
  between(threads, 0, 1024)->group(kGlobalGroup);
  app.add_flag("-q,--quiet", session.globals.quiet,
               "Show warnings and errors only; run, quantize and convert print no table.")
      ->group(kGlobalGroup);
  app.add_flag("-v,--verbose", session.globals.verbose, "Show more of what happens; plan lists every tensor.")
      ->group(kGlobalGroup);
  for (CLI::App* verb : app.get_subcommands([](CLI::App*) { return true; })) add_globals(*verb, session);
}

}  // namespace

void define_command_line(CLI::App& app, Session& session) {
  app.name("polyquant");
  app.description("Quantizes language models and converts between the formats that they are stored in.");
  app.set_version_flag("--version", "polyquant " + std::string(kVersion), "Print the version and exit.");
  app.set_help_flag("-h,--help", "Print this help and exit.");
  // One at most: else an argument that is called like a subcommand (`help plugins`) would be taken for a second one.
  app.require_subcommand(0, 1);
  add_all_verbs(app, session);
  add_globals(app, session);
}

}  // namespace pq::cli
