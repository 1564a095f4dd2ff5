// How often a model gives the right answer of several the highest probability.
#pragma once

#include "evaluation/choice_questions.hpp"
#include "evaluation/residual_run.hpp"
#include "evaluation/score_statistics.hpp"
#include "tokenizer/tokenizer.hpp"

#include <polyquant/base/executor.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace pq {

/// Sums of log-probabilities of the tokens of one choice.
struct ChoiceScore {
  double sum = 0;      // of the continuation
  double own_sum = 0;  // of the tokens behind those with which all choices begin
  std::int64_t tokens = 0, own_tokens = 0;
  std::int64_t characters = 1;
};

/// The shares of right answers; names and definitions of lm-evaluation-harness.
struct ChoiceAccuracy {
  std::int64_t questions = 0;
  Measured acc;       // the largest sum wins
  Measured acc_norm;  // sums divided by the characters of the choices
  /// Sums divided by tokens, both of those that the choices do not share: what llama-perplexity --hellaswag prints as acc_norm. Only for
  /// questions with one context.
  std::optional<Measured> acc_norm_tok;
};

/// A choice as the model reads it.
struct ChoiceTokens {
  std::vector<std::int32_t> tokens;  // BOS if the model adds one, context, continuation
  std::size_t begin = 0;             // of the continuation
};

/// Context and continuation are tokenized together; the continuation is what follows as many tokens as the context has alone. White space at
/// the end of the context belongs to the continuation, as in lm-evaluation-harness. Throws FormatError at the question's place if one of the two has no token.
std::vector<ChoiceTokens> tokenize(const ChoiceQuestion& question, const Tokenizer& tokenizer);

/// Gets questions done.
using ChoiceProgress = std::function<void(std::int64_t done, std::int64_t total)>;

/// The scores of all choices, question after question.
std::vector<std::vector<ChoiceScore>> score_choices(Judged model, const Tokenizer& tokenizer,
                                                    const std::vector<ChoiceQuestion>& questions,
                                                    Executor& executor, const ChoiceProgress& progress);

ChoiceAccuracy accuracy_of(const std::vector<ChoiceQuestion>& questions,
                           const std::vector<std::vector<ChoiceScore>>& scores);

}  // namespace pq
