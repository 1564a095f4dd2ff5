#include "report/task_report.hpp"

#include "base/printable.hpp"
#include "report/json_values.hpp"

#include <fmt/format.h>

namespace pq {

nlohmann::ordered_json tasks_json(const std::vector<TaskReport>& tasks) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const TaskReport& task : tasks) {
    const ChoiceAccuracy& a = task.accuracy;
    nlohmann::ordered_json entry = {{"acc", json_number(a.acc.value)},
                                    {"acc_norm", json_number(a.acc_norm.value)},
                                    {"stderr", json_number(a.acc.stderr_)},
                                    {"acc_norm_stderr", json_number(a.acc_norm.stderr_)}};
    if (a.acc_norm_tok) entry["acc_norm_tok"] = json_number(a.acc_norm_tok->value);
    entry["n"] = a.questions;
    entry["seconds"] = json_number(task.seconds);
    json[task.name] = std::move(entry);
  }
  return json;
}

std::string tasks_text(const std::vector<TaskReport>& tasks) {
  std::string text;
  for (const TaskReport& task : tasks) {
    const ChoiceAccuracy& a = task.accuracy;
    text +=
        fmt::format("{:<21} acc {:.2f} ± {:.2f} %   acc_norm {:.2f} ± {:.2f} %", printable(task.name),
                    100 * a.acc.value, 100 * a.acc.stderr_, 100 * a.acc_norm.value, 100 * a.acc_norm.stderr_);
    if (a.acc_norm_tok) text += fmt::format("   by tokens {:.2f} %", 100 * a.acc_norm_tok->value);
    text += fmt::format("   {} questions, {:.1f} s\n", a.questions, task.seconds);
  }
  return text;
}

}  // namespace pq
