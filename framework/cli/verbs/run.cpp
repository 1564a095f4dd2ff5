// polyquant run: execute a pipeline.
#include "pipeline_verbs.hpp"
#include "verbs.hpp"

#include <memory>

namespace pq::cli {

void add_run(CLI::App& app, Session& session) {
  struct Options {
    std::string pipeline;
    PipelineFlags flags;
  };
  const auto options = std::make_shared<Options>();
  CLI::App& verb = *app.add_subcommand("run", "Execute a pipeline: quantize a model into all its outputs.");
  verb.add_option("PIPELINE", options->pipeline, "Pipeline file; `polyquant init` writes one.")
      ->required()
      ->type_name("FILE");
  add_pipeline_flags(verb, options->flags, true);
  session.on(verb, [&session, options] {
    run_pipeline(session, load_pipeline(session, options->pipeline),
                 std::filesystem::absolute(options->pipeline).parent_path(), options->flags);
  });
}

}  // namespace pq::cli
