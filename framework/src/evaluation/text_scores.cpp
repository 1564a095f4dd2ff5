#include "evaluation/text_scores.hpp"

#include "evaluation/softmax_rows.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

namespace pq {
namespace {

constexpr std::int64_t kHiddenBytes = std::int64_t{256}
                                      << 20;  // of the residual streams that are kept at a time
// llama-perplexity leaves these out: each weighs less than 1.2e-7 (tools/perplexity, log_softmax with a base file).
constexpr double kLeastLogProbability = -16;

/// Positions of one chunk.
struct Place {
  std::size_t score;  // index of the score of the first
  std::int64_t chunk, position;
};

/// Rows of logits of one model and the logarithm of the sum of their exponentials.
class LogitRows {
 public:
  LogitRows(ConstMatrix logits, bool rounded, const char* whose)
      : logits_(logits), rounded_(rounded), whose_(whose) {}
  std::span<const float> row(std::int64_t r) const { return logits_.row(r); }
  double log_sum(std::int64_t r) const { return rounded_ ? 0.0 : log_sum_exp(row(r)); }
  double floor() const { return rounded_ ? kLeastLogProbability : -std::numeric_limits<double>::infinity(); }
  void check(std::int64_t r, const Place& place) const {
    if (!all_finite(row(r)))
      throw FormatError(fmt::format(
          "the logits of {} are not finite at position {} of chunk {}; the file is damaged, or its numbers "
          "are too large for f32",
          whose_, place.position + r, place.chunk));
  }

 private:
  ConstMatrix logits_;
  bool rounded_;
  const char* whose_;
};

void score_row(const LogitRows& logits, const LogitRows* reference, std::int64_t r, std::int32_t target,
               const Place& place, TextScores& scores) {
  const std::size_t at = place.score + static_cast<std::size_t>(r);
  const auto right = static_cast<std::size_t>(target);
  logits.check(r, place);
  const double sum = logits.log_sum(r);
  scores.nll[at] = sum - static_cast<double>(logits.row(r)[right]);
  if (reference == nullptr) return;
  reference->check(r, place);
  const double reference_sum = reference->log_sum(r);
  scores.reference_nll[at] = reference_sum - static_cast<double>(reference->row(r)[right]);
  scores.kld[at] = kl_divergence(reference->row(r), reference_sum, logits.row(r), sum, reference->floor());
  scores.same_top[at] = largest(reference->row(r)) == largest(logits.row(r)) ? 1 : 0;
}

/// The scores of one chunk, some rows of logits at a time.
class ChunkScorer {
 public:
  ChunkScorer(Predictions& model, Predictions* reference, const TextChunks& chunks, Executor& executor,
              TextScores& scores)
      : model_(model), reference_(reference), chunks_(chunks), executor_(executor), scores_(scores) {}

  void score(std::size_t chunk) {
    const std::size_t first = scores_.nll.size(), size = first + static_cast<std::size_t>(chunks_.scored());
    scores_.nll.resize(size);
    if (reference_ != nullptr) {
      scores_.reference_nll.resize(size);
      scores_.kld.resize(size);
      scores_.same_top.resize(size);
    }
    for (std::int64_t done = 0; done < chunks_.scored(); done += kHeadRows)
      score_rows(chunk, done, std::min(kHeadRows, chunks_.scored() - done),
                 {first + static_cast<std::size_t>(done), static_cast<std::int64_t>(chunk),
                  chunks_.first_scored() + done});
  }

 private:
  void score_rows(std::size_t chunk, std::int64_t first, std::int64_t count, const Place& place) {
    const LogitRows logits(model_.rows(chunk, first, count), model_.are_rounded(), "the model");
    std::optional<LogitRows> others;
    if (reference_ != nullptr)
      others.emplace(reference_->rows(chunk, first, count), reference_->are_rounded(), "the reference");
    const std::int32_t* targets = chunks_.targets[chunk].data() + first;
    executor_.for_ranges(count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r)
        score_row(logits, others ? &*others : nullptr, r, targets[r], place, scores_);
    });
  }

  Predictions& model_;
  Predictions* reference_;
  const TextChunks& chunks_;
  Executor& executor_;
  TextScores& scores_;
};

void check_vocabularies(const Predictions& model, const Predictions& reference) {
  if (model.vocabulary() != reference.vocabulary())
    throw ConfigError(fmt::format(
        "the models have vocabularies of {} and {} tokens and cannot be compared by their predictions",
        model.vocabulary(), reference.vocabulary()));
}

}  // namespace

TextScores score_text(Predictions& model, Predictions* reference, const TextChunks& chunks,
                      Executor& executor, const ScoreProgress& progress) {
  if (reference != nullptr) check_vocabularies(model, *reference);
  const std::int64_t chunk_bytes =
      model.chunk_bytes(chunks.context) + (reference == nullptr ? 0 : reference->chunk_bytes(chunks.context));
  const auto group = static_cast<std::size_t>(
      std::max<std::int64_t>(1, kHiddenBytes / std::max<std::int64_t>(1, chunk_bytes)));
  TextScores scores;
  ChunkScorer scorer(model, reference, chunks, executor, scores);
  for (std::size_t begin = 0; begin < chunks.inputs.size(); begin += group) {
    const std::size_t count = std::min(group, chunks.inputs.size() - begin);
    model.enter(chunks, begin, count);
    if (reference != nullptr) reference->enter(chunks, begin, count);
    for (std::size_t c = begin; c < begin + count; ++c) {
      scorer.score(c);
      progress(static_cast<std::int64_t>(c + 1), scores);
    }
  }
  return scores;
}

}  // namespace pq
