// polyquant help: about commands, components, options and keys; and the reference docs made from the same data.
#include "help_text.hpp"
#include "reference_docs.hpp"
#include "session.hpp"
#include "verbs.hpp"

namespace pq::cli {

void add_help(CLI::App& app, Session& session) {
  struct Options {
    std::vector<std::string> words;
    std::string markdown;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("help", "Explain a command, component, option or key of pipelines.");
  verb->add_option(
          "WORD", options->words,
          "What to explain; without it everything is listed. Commands inside others and pages have two "
          "words: codec bench, exit codes.")
      ->type_name("TOPIC");
  // For the authors of polyquant: writes docs/reference.
  verb->add_option("--markdown", options->markdown, "Write the reference pages into this folder.")
      ->type_name("FOLDER")
      ->group("");
  session.on(*verb, [&app, &session, options] {
    const HelpTopics topics = help_topics(app, session.registry());
    if (!options->markdown.empty()) return write_reference_docs(topics, options->markdown);
    std::string word;
    for (const std::string& next : options->words) word += (word.empty() ? "" : " ") + next;
    session.print(word.empty() ? help_overview(topics) : help_about(topics, word));
  });
}

}  // namespace pq::cli
