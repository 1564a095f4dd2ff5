// The subcommands: one add_NAME() per file verbs/NAME.cpp. The build makes verbs.inc from the names of the files.
#pragma once

namespace CLI {
class App;
}

namespace pq::cli {
class Session;

#define PQ_VERB(name) void add_##name(CLI::App& app, Session& session);
#include "verbs.inc"
#undef PQ_VERB

/// Help lists the global options of every subcommand under this heading.
inline constexpr const char* kGlobalGroup = "Global options";

/// Adds all subcommands in the order of their names.
void add_all_verbs(CLI::App& app, Session& session);

/// The whole command line: global options and all subcommands.
void define_command_line(CLI::App& app, Session& session);

}  // namespace pq::cli
