// How well a model predicts a text, and how far another model's predictions are from its own.
#pragma once

#include "evaluation/predictions.hpp"

#include <polyquant/base/executor.hpp>

#include <cstdint>
#include <functional>
#include <vector>

namespace pq {

/// One value per scored position, chunk after chunk.
struct TextScores {
  std::vector<double> nll;            // -log of the probability of the right token
  std::vector<double> reference_nll;  // the same of the reference; these are empty without one
  std::vector<double> kld;            // of the model against the reference, in nats
  std::vector<char> same_top;         // 1: the most probable token is the same
};

/// Gets the scores so far after every chunk.
using ScoreProgress = std::function<void(std::int64_t chunks, const TextScores& scores)>;

/// Takes the predictions of both models, some chunks at a time so that the activations of a large model fit into memory. Both must have the
/// same vocabulary. Throws FormatError for logits that are not finite, naming chunk and position.
TextScores score_text(Predictions& model, Predictions* reference, const TextChunks& chunks,
                      Executor& executor, const ScoreProgress& progress);

}  // namespace pq
