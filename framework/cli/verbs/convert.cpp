// polyquant convert: another format, as exactly as it can be.
#include "pipeline_verbs.hpp"
#include "verbs.hpp"

#include <memory>

namespace pq::cli {

void add_convert(CLI::App& app, Session& session) {
  struct Options {
    std::string from, to, format, encoding;
    std::string lossless = "prefer";
    PipelineFlags flags;
  };
  const auto options = std::make_shared<Options>();
  CLI::App& verb = *app.add_subcommand(
      "convert", "Write a model in another format, with the stored weights where they fit.");
  verb.add_option("IN", options->from,
                  "Hugging Face folder, GGUF file, or anything that a format plugin recognises.")
      ->required()
      ->type_name("PATH");
  verb.add_option("OUT", options->to, "The output.")->required()->type_name("PATH");
  verb.add_option("--format", options->format, "Format of the output; default by its name.")
      ->type_name("FORMAT");
  verb.add_option("--encoding", options->encoding, "Encoding of the weights; default as stored.")
      ->type_name("ENCODING");
  verb.add_option("--lossless", options->lossless,
                  "require: refuse any change of a weight; prefer: exact where it is possible, or but for "
                  "offsets that are rounded by up to 1/64 of a step.")
      ->type_name("require|prefer")
      ->check(CLI::IsMember({"require", "prefer"}));
  add_pipeline_flags(verb, options->flags, true);
  session.on(verb, [&session, options] {
    Node output = Node::map();
    if (!options->encoding.empty()) output.set("encoding", given(options->encoding, "--encoding"));
    output.set("lossless", given(options->lossless, "--lossless"));
    run_pipeline(session,
                 single_output(given(options->from, "IN"), given(options->to, "OUT"), options->format,
                               std::move(output)),
                 std::filesystem::current_path(), options->flags);
  });
}

}  // namespace pq::cli
