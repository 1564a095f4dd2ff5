// polyquant eval: how well a model predicts a text.
#include "judge_text.hpp"
#include "verbs.hpp"

#include <nlohmann/json.hpp>

namespace pq::cli {
namespace {

struct Options {
  std::string model, reference;
  TextRequest request;
  bool json = false;
};

void eval(Session& session, const Options& options) {
  const ScoreReport report = judge_text(session, options.model, options.reference, options.request);
  if (options.json)
    session.print_json(score_json(report));
  else
    session.print(score_text_report(report));
}

}  // namespace

void add_eval(CLI::App& app, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand(
      "eval",
      "Run a model of any format over a text and print its perplexity, as llama-perplexity defines it.");
  verb->add_option("MODEL", options->model, "A model's file or folder.")->required()->type_name("PATH");
  add_text_options(*verb, options->request, true);
  verb->add_option("--reference", options->reference,
                   "Also print the KL divergence of the model's predictions from those of this one, mostly "
                   "the model before quantization.")
      ->type_name("MODEL");
  verb->add_flag("--json", options->json, "Print JSON.");
  session.on(*verb, [&session, options] { eval(session, *options); });
}

}  // namespace pq::cli
