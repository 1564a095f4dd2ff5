// polyquant completion: a script that completes the command line in a shell.
#include "completion.hpp"
#include "session.hpp"
#include "verbs.hpp"

namespace pq::cli {

void add_completion(CLI::App& app, Session& session) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* verb =
      app.add_subcommand("completion", "Print a script that completes commands in bash, zsh or fish.");
  verb->add_option("SHELL", *shell, "bash, zsh or fish.")
      ->type_name("SHELL")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}).description(""));
  session.on(*verb, [&app, &session, shell] {
    const HelpTopics topics = help_topics(app, session.registry());
    session.print(*shell == "bash"  ? bash_completion(topics)
                  : *shell == "zsh" ? zsh_completion(topics)
                                    : fish_completion(topics));
  });
}

}  // namespace pq::cli
