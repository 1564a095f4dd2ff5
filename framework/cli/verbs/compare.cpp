// polyquant compare: the error of each tensor of one model against another, and of its predictions of a text.
#include "base/thread_pool.hpp"
#include "evaluation/compare_forms.hpp"
#include "judge_text.hpp"
#include "model/open_model.hpp"
#include "report/compare_report.hpp"
#include "session.hpp"
#include "verbs.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/log.hpp>

#include <nlohmann/json.hpp>

#include <limits>
#include <optional>

namespace pq::cli {
namespace {

struct Options {
  std::string a, b;
  TextRequest request;
  bool json = false;
  bool all = false;
};

void add_scores(nlohmann::ordered_json& json, const ScoreReport& report) {
  json["perplexity_a"] = report.statistics.reference_perplexity->value;
  json["perplexity_b"] = report.statistics.perplexity.value;
  json["kld"] = kld_json(*report.statistics.kld);
  json["same_top"] = report.statistics.kld->same_top.value;
  json["tokens"] = report.statistics.tokens;
  json["activations"] = report.activations;
}

/// Tensors that both have, but in an encoding that nobody decodes, are told from those that one side lacks.
[[noreturn]] void refuse(const Comparison& comparison, const Options& options) {
  const std::string what = "nothing can be compared: ";
  const std::string both = options.a + " and " + options.b;
  for (const NotCompared& tensor : comparison.not_compared)
    if (tensor.reason.starts_with("no plugin decodes"))
      throw PluginError(what + "of '" + tensor.name + "', which both " + both + " have, " + tensor.reason +
                        "; see `polyquant plugins`");
  throw FormatError(what + both + " share no tensor of the same name and shape" +
                    (comparison.not_compared.empty() ? ""
                                                     : "; for example '" + comparison.not_compared[0].name +
                                                           "': " + comparison.not_compared[0].reason));
}

void compare(Session& session, const Options& options) {
  const OpenedModel a = open_model(options.a, session.registry());
  const OpenedModel b = open_model(options.b, session.registry());
  std::optional<RunningModel> judged;
  std::optional<TextJudgement> judgement;  // what is wrong with the text is said before all tensors are read
  if (!options.request.text.empty()) {
    judged.emplace(session, options.b, options.request.backend, options.request.activations);
    judgement.emplace(session, *judged, options.a, options.request);
  }
  const auto find = [&](const std::string& spec) { return session.registry().find_encoding(spec); };
  const Comparison comparison =
      compare_forms({a.reader, options.a}, {b.reader, options.b}, find, session.executor());
  if (comparison.tensors.empty()) refuse(comparison, options);
  constexpr std::size_t kShown = 20;
  nlohmann::ordered_json json = comparison_json(comparison);
  std::string text =
      comparison_text(comparison, options.all ? std::numeric_limits<std::size_t>::max() : kShown);
  if (judgement) {
    const ScoreReport report = judgement->score();
    add_scores(json, report);
    text += "\n" + score_text_report(report);
  }
  if (options.json)
    session.print_json(json);
  else
    session.print(text);
}

}  // namespace

void add_compare(CLI::App& app, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("compare", "Show the error of each tensor of model B against model A.");
  verb->add_option("A", options->a, "The reference.")->required()->type_name("PATH");
  verb->add_option("B", options->b, "The model to judge.")->required()->type_name("PATH");
  add_text_options(*verb, options->request);
  verb->get_option("--backend")->needs(verb->get_option("--text"));
  verb->add_flag("--all", options->all, "List all tensors rather than the 20 with the largest error.");
  verb->add_flag("--json", options->json, "Print JSON.");
  session.on(*verb, [&session, options] { compare(session, *options); });
}

}  // namespace pq::cli
