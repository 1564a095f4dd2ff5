// Scores of a text by one model, or by one against another, for the verbs eval and compare.
#pragma once

#include "report/score_report.hpp"
#include "running_model.hpp"
#include "session.hpp"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace pq::cli {

struct TextRequest {
  std::string text;
  std::int64_t context = 512, chunks = 0;
  std::string backend = "auto";
  std::string keep_reference;  // file for the predictions of the reference, or of the model if there is none
  bool force = false;
  std::vector<std::filesystem::path> also_read;  // files that the command reads, too
};

void add_text_options(CLI::App& verb, TextRequest& request);

/// `reference`: a model, a file of log-probabilities, or "" = none. Shows the running estimate on a terminal. Tokens are those of the model's own
/// tokenizer; a reference whose tokenizer gives others is refused.
ScoreReport judge_text(Session& session, RunningModel& model, const std::string& reference,
                       const TextRequest& request);

}  // namespace pq::cli
