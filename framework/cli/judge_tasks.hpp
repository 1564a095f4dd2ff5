// Questions with several answers, for the verb eval.
#pragma once

#include "report/task_report.hpp"
#include "running_model.hpp"
#include "session.hpp"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace pq::cli {

struct TaskRequest {
  std::vector<std::string> tasks;  // NAME:FILE
  std::int64_t questions = 0;      // of each; 0 = all
};

void add_task_options(CLI::App& verb, TaskRequest& request);

/// The questions of one file.
struct Task {
  std::string name, file;
  std::vector<ChoiceQuestion> questions;
};

/// Throws ConfigError for what is not NAME:FILE, FormatError for a bad line.
std::vector<Task> read_tasks(const TaskRequest& request);
std::vector<TaskReport> judge_tasks(Session& session, RunningModel& model, const std::vector<Task>& tasks);

}  // namespace pq::cli
