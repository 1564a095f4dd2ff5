// Scores of a text by one model, or by one against another, for the verbs eval and compare.
#pragma once

#include "report/score_report.hpp"
#include "session.hpp"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>

namespace pq::cli {

struct TextRequest {
  std::string text;
  std::int64_t context = 512, chunks = 0;
  std::string backend = "auto";
};

void add_text_options(CLI::App& verb, TextRequest& request, bool required);

/// `reference` "" = none. Shows the running estimate on a terminal. Tokens are those of the model's own tokenizer; a reference whose tokenizer
/// gives others is refused.
ScoreReport judge_text(Session& session, const std::string& model, const std::string& reference,
                       const TextRequest& request);

}  // namespace pq::cli
