// How often a model answers right, for people and for scripts.
#pragma once

#include "evaluation/choice_scores.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace pq {

struct TaskReport {
  std::string name;
  ChoiceAccuracy accuracy;
  double seconds = 0;
};

/// {NAME: {"acc", "acc_norm", "stderr", "acc_norm_stderr", "acc_norm_tok", "n", "seconds"}}; "stderr" is that of acc.
PQ_API nlohmann::ordered_json tasks_json(const std::vector<TaskReport>& tasks);
PQ_API std::string tasks_text(const std::vector<TaskReport>& tasks);

}  // namespace pq
