// The program: parse the command line, run one subcommand, turn errors into a sentence and an exit code.
#include "base/interrupt.hpp"
#include "base/printable.hpp"
#include "session.hpp"
#include "verbs.hpp"

#include <polyquant/base/text.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string_view>

namespace {

using pq::cli::Session;

constexpr int kUsageError = 2;
constexpr int kClosedPipe = 128 + SIGPIPE;  // what shells say of a program that SIGPIPE ended

void report(const std::string& message) {
  std::fprintf(stderr, "polyquant: error: %s\n", pq::printable(message).c_str());
}

const CLI::App& given_verb(const CLI::App& app) {
  const auto verbs = app.get_subcommands();
  return verbs.empty() ? app : given_verb(*verbs.front());
}

std::string full_name(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : full_name(*app.get_parent()) + " " + app.get_name();
}

std::vector<std::string> known_words(const CLI::App& verb, bool options) {
  std::vector<std::string> words;
  if (!options) {
    for (const CLI::App* sub : verb.get_subcommands([](const CLI::App*) { return true; }))
      words.push_back(sub->get_name());
    return words;
  }
  for (const CLI::App* level = &verb; level != nullptr; level = level->get_parent())
    for (const CLI::Option* option : level->get_options())
      for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  return words;
}

// CLI11 lists everything that it could not place; the first word and its nearest known one help more.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  const std::vector<std::string> extras = app.remaining(true);
  const auto first = std::find_if(argv + 1, argv + argc, [&](const char* word) {
    return std::find(extras.begin(), extras.end(), word) != extras.end();
  });
  if (first == argv + argc) return error.what();
  const std::string word = *first;
  // An option that is misspelt is why one that is required is missing.
  const bool is_missing =
      dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && word.starts_with("--");
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr && !is_missing) return error.what();
  const bool is_option = word.starts_with("-");
  const std::vector<std::string> known = known_words(given_verb(app), is_option);
  const auto closest = pq::nearest(word.substr(0, word.find('=')), known);
  const std::string kind = is_option       ? "unknown option '"
                           : known.empty() ? "unexpected argument '"
                                           : "unknown command '";
  return kind + word + "'" + (closest ? "; did you mean '" + *closest + "'?" : "");
}

int usage_error(const CLI::App& app, const std::string& message) {
  report(message);
  std::fprintf(stderr, "Try '%s --help'.\n", full_name(given_verb(app)).c_str());
  return kUsageError;
}

int run(CLI::App& app, Session& session, int argc, char** argv) {
  // `help --force` asks about the option rather than giving it.
  if (argc == 3 && std::string_view(argv[1]) == "help" && std::string_view(argv[2]).starts_with("--") &&
      std::string_view(argv[2]) != "--help" && std::string_view(argv[2]).find('=') == std::string_view::npos)
    argv[2] += 2;
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForVersion& version) {
    session.print(std::string(version.what()) + "\n");
    return 0;
  } catch (const CLI::CallForHelp&) {
    session.print(app.help());
    return 0;
  } catch (const CLI::CallForAllHelp&) {
    session.print(app.help("", CLI::AppFormatMode::All));
    return 0;
  } catch (const CLI::ParseError& error) {
    return usage_error(app, usage_message(app, error, argc, argv));
  }
  if (app.get_subcommands().empty()) {
    std::fputs(app.help().c_str(), stderr);
    return kUsageError;
  }
  session.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  pq::watch_interrupts();
  std::signal(SIGPIPE,
              SIG_IGN);  // a closed pipe is an error of the write, so that all is put in order before the end
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on the size of files likewise
  Session session;
  try {
    CLI::App app;
    pq::cli::define_command_line(app, session);
    const int code = run(app, session, argc, argv);
    session.flush();
    return code;
  } catch (const pq::cli::ClosedPipe&) {
    // As other programs end whose reader has gone.
    std::signal(SIGPIPE, SIG_DFL);
    std::raise(SIGPIPE);
    return kClosedPipe;
  } catch (const std::exception& error) {
    const pq::cli::Failure failure = pq::cli::describe(error);
    report(failure.message);
    return failure.exit_code;
  } catch (...) {
    report("internal error: an exception of unknown type (please report this)");
    return 1;
  }
}
