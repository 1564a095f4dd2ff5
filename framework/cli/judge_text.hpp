// Scores of a text by one model, or by one against another, for the verbs eval and compare.
#pragma once

#include "evaluation/text_chunks.hpp"
#include "report/score_report.hpp"
#include "running_model.hpp"
#include "session.hpp"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pq::cli {

struct TextRequest {
  std::string text;
  std::int64_t context = 512, chunks = 0;
  std::string backend = "auto";
  ActivationMode activations = ActivationMode::exact;
  std::string keep_reference;  // file for the predictions of the reference, or of the model if there is none
  bool force = false;
  std::vector<std::string> also_read;  // by the same command; --keep-reference replaces none of it
};

void add_text_options(CLI::App& verb, TextRequest& request);

/// A text, cut into chunks, and the models that shall predict it.
class TextJudgement {
 public:
  /// Everything but the work, so that nothing is worked out in vain. `reference`: a model, a file of log-probabilities, or "" = none. Tokens are
  /// those of the model's own tokenizer; a reference whose tokenizer gives others is refused. `model` must live as long as this.
  TextJudgement(Session& session, RunningModel& model, const std::string& reference, TextRequest request);
  ~TextJudgement();
  TextJudgement(const TextJudgement&) = delete;
  TextJudgement& operator=(const TextJudgement&) = delete;

  /// Shows the running estimate on a terminal.
  ScoreReport score();

 private:
  class Reference;
  void check_target() const;

  Session& session_;
  RunningModel& model_;
  TextRequest request_;
  std::unique_ptr<Reference> reference_;
  TextChunks chunks_;
  double prepared_seconds_ = 0;
};

}  // namespace pq::cli
