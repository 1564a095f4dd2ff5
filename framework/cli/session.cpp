#include "session.hpp"

#include "base/printable.hpp"
#include "base/thread_pool.hpp"
#include "plugin/registry.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/log.hpp>

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace pq::cli {
namespace {

void write_to_stderr(std::string_view prefix, std::string_view message) {
  std::string line(prefix);
  line.append(printable(message)).push_back('\n');
  std::fwrite(line.data(), 1, line.size(), stderr);
}

[[noreturn]] void throw_output_error() {
  const int code = errno;
  if (code == EPIPE) throw ClosedPipe();
  throw ResourceError("standard output: " + std::generic_category().message(code));
}

}  // namespace

Session::Session() {
  log::set_sink([this](log::Level level, std::string_view message) {
    if (level == log::Level::warning) write_to_stderr("polyquant: warning: ", message);
    if (level == log::Level::info && !globals.quiet) write_to_stderr("", message);
    if (level == log::Level::debug && globals.verbose) write_to_stderr("", message);
  });
}

Session::~Session() { log::set_sink(nullptr); }

PluginRegistry& Session::registry() {
  if (!registry_) {
    auto registry = std::make_unique<PluginRegistry>();
    registry->load_folders(plugin_search_path({globals.plugin_path.begin(), globals.plugin_path.end()}));
    for (const PluginStatus& plugin : registry->plugins())
      if (!plugin.ok) log::warning(plugin.error);
    registry_ = std::move(registry);
  }
  return *registry_;
}

Executor& Session::executor(int threads) {
  if (!executor_) executor_ = make_thread_pool(globals.threads > 0 ? globals.threads : threads);
  return *executor_;
}

void Session::on(CLI::App& verb, std::function<void()> action) {
  verb.final_callback([this, action = std::move(action)] { action_ = action; });
}

void Session::run() const {
  if (action_) action_();
}

void Session::print(std::string_view text) const {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) throw_output_error();
}

void Session::print_json(const nlohmann::ordered_json& document) const {
  print(document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

void Session::flush() const {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) throw_output_error();
}

bool Session::shows_progress() const { return !globals.quiet && isatty(STDERR_FILENO) == 1; }

}  // namespace pq::cli
