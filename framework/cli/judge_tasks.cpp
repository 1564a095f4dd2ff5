#include "judge_tasks.hpp"

#include "number_option.hpp"
#include "progress_bar.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace pq::cli {
namespace {

Task read_task(const std::string& text, std::int64_t questions) {
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon == std::string::npos || colon + 1 == text.size())
    throw ConfigError(
        fmt::format("--tasks takes NAME:FILE, such as hellaswag:hellaswag_val.jsonl, got '{}'", text));
  const std::string file = text.substr(colon + 1);
  return {text.substr(0, colon), file, spread_questions(read_questions(file), questions)};
}

}  // namespace

std::vector<Task> read_tasks(const TaskRequest& request) {
  std::vector<Task> tasks;
  for (const std::string& text : request.tasks) {
    Task task = read_task(text, request.questions);
    if (std::any_of(tasks.begin(), tasks.end(), [&](const Task& known) { return known.name == task.name; }))
      throw ConfigError(
          fmt::format("--tasks has the name '{}' twice; give each file a name of its own", task.name));
    tasks.push_back(std::move(task));
  }
  return tasks;
}

void add_task_options(CLI::App& verb, TaskRequest& request) {
  CLI::Option* tasks = verb.add_option("--tasks", request.tasks,
                                       "Questions with several answers, as .jsonl: HellaSwag's own file, or "
                                       "lines with context, choices "
                                       "and label; several with commas between them.")
                           ->type_name("NAME:FILE,..")
                           ->delimiter(',')
                           ->allow_extra_args(false);
  CLI::Option* questions = verb.add_option("--questions", request.questions,
                                           "Ask only N questions of each task, evenly spread; 0 means all.");
  between(questions, std::int64_t{0}, std::int64_t{1} << 40)->capture_default_str()->needs(tasks);
}

std::vector<TaskReport> judge_tasks(Session& session, RunningModel& model, const std::vector<Task>& tasks) {
  std::vector<TaskReport> reports;
  for (const Task& task : tasks) {
    const auto start = std::chrono::steady_clock::now();
    ProgressBar bar(session.shows_progress());
    const auto scores = score_choices({model.pass(), model.device()}, *model.tokenizer(), task.questions,
                                      session.executor(), [&](std::int64_t done, std::int64_t total) {
                                        bar.show(done, total, fmt::format("{} of {} questions", done, total));
                                      });
    bar.finish();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    reports.push_back({task.name, accuracy_of(task.questions, scores), seconds});
  }
  return reports;
}

}  // namespace pq::cli
