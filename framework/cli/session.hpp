// What every subcommand works with: the loaded plugins, the thread pool, and the way to stdout.
//
// A subcommand is one file, verbs/NAME.cpp, that defines add_NAME(); nothing else has to be edited. The global options (--plugin-path,
// --threads, --quiet, --verbose) are added to every subcommand. Conventions that help and
// completion rely on: the type_name of an option or argument is one of ENCODING, QUANTIZER, FORMAT, BACKEND, RECIPE, COMPONENT, FILE,
// FOLDER, PATH (completed from what exists) or a free word such as N; `--json` prints one document with Session::print_json().
#pragma once

#include "report/text_table.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json_fwd.hpp>

#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pq {
class Executor;
class PluginRegistry;
}  // namespace pq

namespace pq::cli {

/// The reader of standard output has gone, as in `polyquant help | head -1`: no error, but nothing is left to do.
struct ClosedPipe : std::exception {
  const char* what() const noexcept override { return "standard output is closed"; }
};

class Session {
 public:
  Session();
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// The global options; filled by the command line.
  struct Globals {
    std::vector<std::string> plugin_path;
    int threads = 0;  // 0 = all that the machine offers
    bool quiet = false;
    bool verbose = false;
  } globals;

  /// All plugins of the search path, loaded at the first call.
  PluginRegistry& registry();
  /// The one thread pool, made at the first call with `threads` threads, or with --threads if `threads` is 0; later calls give the same pool.
  Executor& executor(int threads = 0);

  /// Runs `action` when `verb` was given. Errors leave it as exceptions.
  void on(CLI::App& verb, std::function<void()> action);
  /// The action of the given verb.
  void run() const;

  /// Writes to stdout; throws ClosedPipe if nobody reads it any more, ResourceError if it fails otherwise (full disk).
  void print(std::string_view text) const;
  /// Prints one JSON document and a newline; invalid UTF-8 becomes U+FFFD.
  void print_json(const nlohmann::ordered_json& document) const;
  /// Everything printed has left the program; throws as print() does if not.
  void flush() const;
  /// True if stderr is a terminal and --quiet was not given: a progress bar may be drawn.
  bool shows_progress() const;

 private:
  std::unique_ptr<PluginRegistry> registry_;
  std::unique_ptr<Executor> executor_;
  std::function<void()> action_;
};

/// The message of an exception with those nested in it, from the outermost to the cause, as one sentence, and the exit code of the cause.
struct Failure {
  std::string message;
  int exit_code = 1;
};
Failure describe(const std::exception& error);

}  // namespace pq::cli
