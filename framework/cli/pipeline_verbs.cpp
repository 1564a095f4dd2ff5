#include "pipeline_verbs.hpp"

#include "config/pipeline.hpp"
#include "config/yaml.hpp"
#include "model/open_model.hpp"
#include "model/tokenizer_ahead.hpp"
#include "plan/estimate.hpp"
#include "plan/plan.hpp"
#include "progress_bar.hpp"
#include "report/run_report.hpp"
#include "run/journal.hpp"
#include "run/run.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/log.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <optional>

namespace pq::cli {
namespace {

Plan plan_for(Session& session, Node root, const std::filesystem::path& base, const PipelineFlags& flags) {
  for (const std::string& assignment : flags.overrides) apply_override(root, assignment);
  // What is no map is refused below, with its place.
  const bool is_map = root.is_map();
  if (is_map && !flags.backend.empty()) root.set("backend", given(flags.backend, "--backend"));
  if (is_map && !flags.work.empty())
    root.set("work", given(std::filesystem::absolute(flags.work).string(), "--work"));
  const Pipeline pipeline = parse_pipeline(root, base);
  Executor& executor =
      session.executor(session.globals.threads > 0 ? session.globals.threads : pipeline.threads);
  auto tokenizer = executor.threads() > 1 ? std::make_shared<const TokenizerAhead>(pipeline.model) : nullptr;
  Plan plan = make_plan(pipeline, session.registry(), executor.threads(), std::move(tokenizer));
  for (const std::string& warning : plan.warnings) log::warning(warning);
  return plan;
}

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::string format_by_name(const std::string& to) {
  if (ends_with(to, ".gguf")) return "gguf";
  if (ends_with(to, ".safetensors")) return "safetensors";
  throw ConfigError("the format of '" + to +
                    "' cannot be told from its name; add --format (see `polyquant help formats`)");
}

}  // namespace

void add_pipeline_flags(CLI::App& verb, PipelineFlags& flags, bool writes) {
  verb.add_option("--set", flags.overrides, "Change one key: outputs.0.to=x.gguf.")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  verb.add_option("--backend", flags.backend, "Where the heavy maths runs.")->type_name("BACKEND");
  verb.add_flag("--json", flags.json, "Print one JSON document.");
  if (!writes) return;
  verb.add_flag("--force", flags.force,
                "Replace outputs that exist, and give up an interrupted run with other settings.");
  verb.add_option("--work", flags.work, "Folder for state that a resumed run needs.")->type_name("FOLDER");
}

Node load_pipeline(Session& session, const std::filesystem::path& file) {
  if (!std::filesystem::exists(file))
    throw FormatError((file.empty() ? "''" : file.string()) +
                      " does not exist; `polyquant init` writes a pipeline to start from");
  // A pipe can be read only once.
  const bool is_folder = std::filesystem::is_directory(file);
  const bool can_look = is_folder || std::filesystem::is_regular_file(file);
  if (const std::string format = can_look ? recognised_format(file, session.registry()) : ""; !format.empty())
    throw ConfigError(fmt::format(
        "{0} is a model ({1}), but a pipeline is expected here; see `quantize` and `inspect`, or let "
        "`polyquant init {0}` write a pipeline",
        file.string(), format));
  if (is_folder) throw ConfigError(file.string() + " is a folder, but a pipeline is a file");
  return load_yaml(file);
}

Node given(const std::string& text, const std::string& option) {
  return Node::scalar(text, false, Mark{std::make_shared<const std::string>(option), 0, 0});
}

Node single_output(const Node& model, const Node& to, const std::string& format, Node output) {
  output.set("to", to);
  output.set("format", format.empty() ? Node::scalar(format_by_name(to.text()), false, to.mark())
                                      : given(format, "--format"));
  Node outputs = Node::sequence();
  outputs.push_back(std::move(output));
  Node root = Node::map();
  root.set("version", Node::scalar("1"));
  root.set("model", model);
  root.set("outputs", std::move(outputs));
  return root;
}

void print_plan(Session& session, Node pipeline, const std::filesystem::path& base,
                const PipelineFlags& flags) {
  Plan plan = plan_for(session, std::move(pipeline), base, flags);
  estimate_time(plan, session.executor());
  try {
    check_outputs(plan, flags.force);
    if (!flags.force) check_journal(plan);
  } catch (const Error& error) {
    plan.warnings.push_back("a run would be refused: " + describe(error).message);
    log::warning(plan.warnings.back());
  }
  if (flags.json)
    session.print_json(plan_json(plan));
  else
    session.print(plan_text(plan, session.globals.verbose));
}

void run_pipeline(Session& session, Node pipeline, const std::filesystem::path& base,
                  const PipelineFlags& flags) {
  const Plan plan = plan_for(session, std::move(pipeline), base, flags);
  check_outputs(plan, flags.force);
  ProgressBar layers(session.shows_progress());
  std::optional<ProgressBar> bar;  // from the first weights on, so that its speed is theirs
  const RunOptions options{flags.force,
                           [&](std::int64_t done, std::int64_t total) { layers.show(done, total); }};
  const auto weights = [&](std::int64_t done, std::int64_t total) {
    layers.finish();
    if (!bar) bar.emplace(session.shows_progress(), Progressing::weights);
    bar->show(done, total);
  };
  const RunResult result = execute(plan, session.executor(), options, weights);
  bar.reset();
  if (result.calibration)
    for (const std::string& warning : result.calibration->warnings) log::warning(warning);
  write_report(plan, result, flags.force);
  if (flags.json)
    session.print_json(run_json(plan, result));
  else if (!session.globals.quiet)
    session.print(run_text(plan, result));
}

}  // namespace pq::cli
