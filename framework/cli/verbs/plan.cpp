// polyquant plan: what run would do, from headers only.
#include "pipeline_verbs.hpp"
#include "verbs.hpp"

#include <memory>

namespace pq::cli {

void add_plan(CLI::App& app, Session& session) {
  struct Options {
    std::string pipeline;
    PipelineFlags flags;
  };
  const auto options = std::make_shared<Options>();
  CLI::App& verb = *app.add_subcommand(
      "plan", "Print what run would do: tensors, encodings, routes, bytes, memory, time.");
  verb.add_option("PIPELINE", options->pipeline, "Pipeline file.")->required()->type_name("FILE");
  add_pipeline_flags(verb, options->flags, false);
  session.on(verb, [&session, options] {
    print_plan(session, load_pipeline(session, options->pipeline),
               std::filesystem::absolute(options->pipeline).parent_path(), options->flags);
  });
}

}  // namespace pq::cli
