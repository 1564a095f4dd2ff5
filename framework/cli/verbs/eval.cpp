// polyquant eval: how well a model predicts a text, and answers questions.
#include "judge_tasks.hpp"
#include "judge_text.hpp"
#include "report/inspect_report.hpp"
#include "report/resource_report.hpp"
#include "run/peak_memory.hpp"
#include "verbs.hpp"

#include <polyquant/base/error.hpp>

#include <nlohmann/json.hpp>

namespace pq::cli {
namespace {

struct Options {
  std::string model, reference;
  TextRequest request;
  TaskRequest tasks;
  bool json = false;
};

void eval(Session& session, const Options& options) {
  if (options.request.text.empty() && options.tasks.tasks.empty())
    throw ConfigError("eval needs --text FILE, --tasks NAME:FILE, or both");
  if (options.request.text.empty() && !options.reference.empty())
    throw ConfigError("--reference compares predictions of a text; give --text FILE, too");
  const std::vector<Task> tasks = read_tasks(options.tasks);  // a bad line is said at once
  RunningModel model(session, options.model, options.request.backend, options.request.activations);
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  std::string text;
  const Inspection inspection = inspect_model(options.model, model.opened());
  ResourceReport resources{inspection.file_bytes, inspection.bits_per_weight(), 0, 0};
  if (!options.request.text.empty()) {
    TextRequest request = options.request;
    for (const Task& task : tasks) request.also_read.push_back(task.file);
    const ScoreReport report = TextJudgement(session, model, options.reference, std::move(request)).score();
    json = score_json(report);
    text = score_text_report(report);
    resources.tokens_per_second = report.tokens_per_second;
  }
  if (!tasks.empty()) {
    const std::vector<TaskReport> reports = judge_tasks(session, model, tasks);
    json["tasks"] = tasks_json(reports);
    text += tasks_text(reports);
  }
  resources.peak_memory_bytes = peak_memory_bytes();
  json["resources"] = resources_json(resources);
  text += resources_text(resources);
  if (options.json)
    session.print_json(json);
  else
    session.print(text);
}

}  // namespace

void add_eval(CLI::App& app, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("eval",
                                      "Run a model of any format over a text and print its perplexity, as "
                                      "llama-perplexity defines it, or over questions "
                                      "and print how often it answers right.");
  verb->add_option("MODEL", options->model, "A model's file or folder.")->required()->type_name("PATH");
  add_text_options(*verb, options->request);
  add_task_options(*verb, options->tasks);
  verb->add_option("--reference", options->reference,
                   "Also print the KL divergence of the model's predictions from those of this one, mostly "
                   "the model before quantization; or a file that --keep-reference or llama-perplexity has "
                   "made of it.")
      ->type_name("MODEL|FILE");
  verb->add_flag("--json", options->json, "Print JSON.");
  session.on(*verb, [&session, options] { eval(session, *options); });
}

}  // namespace pq::cli
