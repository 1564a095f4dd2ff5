// How well a model predicts a text, and how far another model's predictions are from its own.
//
// The procedure is llama-perplexity's: the text is cut into chunks of `context` tokens without overlap, the rest is dropped; if the model adds
// BOS, the first token of every chunk is replaced by it; the predictions of positions context/2 .. context-2 are scored.
#pragma once

#include "forward/forward_pass.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace pq {

struct TextChunks {
  std::int64_t context = 0;
  std::vector<std::vector<std::int32_t>> inputs;  // what the model reads
  std::vector<std::vector<std::int32_t>>
      targets;  // per chunk the tokens that the scored positions should predict
  std::int64_t first_scored() const noexcept { return context / 2; }
  std::int64_t scored() const noexcept { return context - 1 - context / 2; }  // of a chunk
};

/// `chunks` 0 = all. `bos` -1: none is put. Throws ConfigError for a context below 4 and texts shorter than two chunks.
TextChunks cut_chunks(std::span<const std::int32_t> tokens, std::int64_t context, std::int64_t chunks,
                      std::int32_t bos);

/// One value per scored position, chunk after chunk.
struct TextScores {
  std::vector<double> nll;            // -log of the probability of the right token
  std::vector<double> reference_nll;  // the same of the reference; these are empty without one
  std::vector<double> kld;            // of the model against the reference, in nats
  std::vector<bool> same_top;         // the most probable token is the same
};

/// A model in a judgement.
struct Judged {
  ForwardPass& pass;
  Device& device;
};

/// Gets the scores so far after every few chunks.
using ScoreProgress = std::function<void(std::int64_t chunks, const TextScores& scores)>;

/// Runs both models over the chunks, some chunks at a time so that the activations of a large model fit into memory. Both must have the
/// same vocabulary. Throws FormatError for logits that are not finite, naming chunk and position.
TextScores score_text(Judged model, const Judged* reference, const TextChunks& chunks, Executor& executor,
                      const ScoreProgress& progress);

}  // namespace pq
