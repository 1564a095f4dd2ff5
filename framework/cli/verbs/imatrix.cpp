// polyquant imatrix: measures an importance matrix.
#include "calibration/measure.hpp"
#include "calibration/model_documents.hpp"
#include "number_option.hpp"
#include "plan/replaceable.hpp"
#include "plan/source_files.hpp"
#include "progress_bar.hpp"
#include "running_model.hpp"
#include "session.hpp"
#include "verbs.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/log.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pq::cli {
namespace {

struct Options {
  std::string model, calibration, to, backend = "auto";
  std::int64_t samples = 128, length = 512;
  std::uint64_t seed = 0;
  ActivationMode activations = ActivationMode::exact;
  bool first = false, output = false, force = false, json = false;
};

SampleOptions sample_options(const Options& options) {
  SampleOptions result;
  result.sources = {{options.calibration}};
  result.samples = options.samples;
  result.length = options.length;
  result.shuffle = !options.first;
  result.seed = options.seed;
  return result;
}

void check_name(const Options& options) {
  if (std::filesystem::path(options.to).extension() != ".gguf")
    throw ConfigError("--to must end with .gguf, got '" + options.to +
                      "': the older kind (.dat) is only read");
}

void check_target(const Options& options, const OpenedModel& model) {
  std::vector<std::filesystem::path> inputs = text_files(options.calibration);
  inputs.emplace_back(options.calibration);
  const ReadNames read(options.model, source_files(options.model, *model.reader), inputs);
  check_new_file(options.to, read, options.force);
}

nlohmann::ordered_json report_json(const Options& options, const SampleSet& samples,
                                   const ImatrixData& data) {
  nlohmann::ordered_json sources = nlohmann::ordered_json::array();
  for (const SourceUse& use : samples.sources)
    sources.push_back({{"path", use.path.string()},
                       {"documents", use.documents},
                       {"documents_read", use.documents_read},
                       {"samples", use.samples},
                       {"tokens", use.tokens}});
  return {{"to", options.to},
          {"entries", data.entries.size()},
          {"samples", samples.samples.size()},
          {"length", options.length},
          {"tokens", samples.tokens()},
          {"tokens_sha256", samples.hash},
          {"sources", std::move(sources)}};
}

std::string report_text(const Options& options, const SampleSet& samples, const ImatrixData& data) {
  std::string text = fmt::format("{}: {} matrices, measured on {} samples of {} tokens\n", options.to,
                                 data.entries.size(), samples.samples.size(), options.length);
  for (const SourceUse& use : samples.sources)
    text += fmt::format("{}: {} of {} documents, {} samples, {} tokens\n", use.path.string(),
                        use.documents_read, use.documents, use.samples, use.tokens);
  return text;
}

void imatrix(Session& session, const Options& options) {
  check_name(options);
  RunningModel running(session, options.model, options.backend, options.activations);
  check_target(options, running.opened());
  const GgufMatrices names(running.opened(), options.model);
  const SampleSet samples = cut_samples(
      sample_options(options), document_encoder(
                                   running.opened(), options.model,
                                   [&running] { return running.tokenizer(); }, running.model().vocabulary()));
  make_parent_folder(options.to, "choose another place for --to");
  ProgressBar bar(session.shows_progress());
  MeasureOptions measure;
  measure.needs = importance_only;
  measure.with_output = options.output;
  measure.progress = [&](std::int64_t done, std::int64_t total) {
    bar.show(done, total, fmt::format("{} of {} layers", done, total));
  };
  const SiteSums sums = measure_sites(running.pass(), running.device(), samples, measure);
  bar.finish();
  std::vector<std::string> warnings = samples.warnings;
  const ImatrixData data = imatrix_of(running.model(), names, sums, samples, options.length, warnings);
  for (const std::string& warning : warnings) log::warning(warning);
  check_target(options, running.opened());  // once more: measuring takes long
  write_imatrix(options.to, data, *session.registry().format(Node::scalar("gguf")));
  if (options.json)
    session.print_json(report_json(options, samples, data));
  else
    session.print(report_text(options, samples, data));
}

}  // namespace

void add_imatrix(CLI::App& app, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand(
      "imatrix",
      "Run a model over texts and write how much each input column of its matrices counts: "
      "a file for --imatrix, which llama-quantize reads, too.");
  verb->add_option("MODEL", options->model, "A model's file or folder.")->required()->type_name("PATH");
  verb->add_option("--calibration", options->calibration,
                   "Texts: a .txt file, a .jsonl file with text, messages or tokens per line, or a folder of "
                   "such files.")
      ->required()
      ->type_name("PATH");
  verb->add_option("--to", options->to, "The file to write (.gguf).")->required()->type_name("FILE");
  between(verb->add_option("--samples", options->samples, "Samples to run."), std::int64_t{1},
          std::int64_t{1} << 32)
      ->capture_default_str();
  between(verb->add_option("--length", options->length, "Tokens per sample."), std::int64_t{1},
          std::int64_t{1} << 20)
      ->capture_default_str();
  verb->add_flag("--first", options->first,
                 "Take the texts from their beginning, as llama-imatrix does, rather than some by chance.");
  verb->add_option("--seed", options->seed, with_range("Which samples chance takes.", 0, UINT64_MAX))
      ->capture_default_str()
      ->type_name("N");
  verb->add_flag("--output", options->output, "Measure the output matrix, too; llama-imatrix leaves it out.");
  add_activations_option(*verb, options->activations);
  verb->add_option("--backend", options->backend, "Where the maths runs.")->type_name("BACKEND");
  verb->add_flag("--force", options->force, "Replace a file that exists.");
  verb->add_flag("--json", options->json, "Print JSON.");
  session.on(*verb, [&session, options] { imatrix(session, *options); });
}

}  // namespace pq::cli
