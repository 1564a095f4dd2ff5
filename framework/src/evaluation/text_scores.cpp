#include "evaluation/text_scores.hpp"

#include "evaluation/softmax_rows.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace pq {
namespace {

constexpr std::int64_t kBatchRows = 2048;
constexpr std::int64_t kHeadRows = 64;  // logits at a time: 64 MiB for a vocabulary of 262144
constexpr std::int64_t kHiddenBytes = std::int64_t{256}
                                      << 20;  // of the residual streams that are kept at a time

/// The residual streams of some chunks behind the last layer of one model, and logits of their rows.
class ChunkRun {
 public:
  ChunkRun(Judged model, std::span<const std::vector<std::int32_t>> inputs) : model_(model) {
    const std::vector<Batch> batches = make_batches(inputs, kBatchRows);
    const auto context = static_cast<std::int64_t>(inputs.front().size());
    store_ = memory_store(context * static_cast<std::int64_t>(inputs.size()), width());
    model_.pass.run(batches, *store_, {});
  }

  /// Logits of rows [first, first + count) of all chunks' rows, on the host.
  ConstMatrix logits(std::int64_t first, std::int64_t count) {
    hidden_.resize(static_cast<std::size_t>(count * width()));
    const Matrix staged{hidden_.data(), count, width(), width()};
    store_->read(first, staged);
    const auto rows = model_.device.allocate(count, width());
    model_.device.upload(staged, *rows);
    std::vector<std::int32_t> all(static_cast<std::size_t>(count));
    std::iota(all.begin(), all.end(), 0);
    const auto result = model_.pass.head(*rows, all);
    logits_.resize(static_cast<std::size_t>(count * result->cols()));
    const Matrix out{logits_.data(), count, result->cols(), result->cols()};
    model_.device.download(*result, out);
    return out;
  }

 private:
  std::int64_t width() const { return model_.pass.model().hidden_cols(); }

  Judged model_;
  std::unique_ptr<HiddenStore> store_;
  std::vector<float> hidden_, logits_;
};

/// Where the scores of some rows go.
struct Place {
  std::size_t first;  // index of the first score
  std::int64_t chunk, position;
};

void check_finite(ConstMatrix logits, std::int64_t row, const Place& place, const char* whose) {
  if (!all_finite(logits.row(row)))
    throw FormatError(
        fmt::format("the logits of {} are not finite at position {} of chunk {}; the file is damaged, or its "
                    "numbers are too "
                    "large for f32",
                    whose, place.position + row, place.chunk));
}

void score_rows(ConstMatrix logits, const ConstMatrix* reference, std::span<const std::int32_t> targets,
                const Place& place, Executor& executor, TextScores& scores, std::vector<char>& same_top) {
  executor.for_ranges(logits.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const auto target = static_cast<std::size_t>(targets[static_cast<std::size_t>(r)]);
      const std::size_t at = place.first + static_cast<std::size_t>(r);
      check_finite(logits, r, place, "the model");
      const double sum = log_sum_exp(logits.row(r));
      scores.nll[at] = sum - static_cast<double>(logits.row(r)[target]);
      if (reference == nullptr) continue;
      check_finite(*reference, r, place, "the reference");
      const double reference_sum = log_sum_exp(reference->row(r));
      scores.reference_nll[at] = reference_sum - static_cast<double>(reference->row(r)[target]);
      scores.kld[at] = kl_divergence(reference->row(r), reference_sum, logits.row(r), sum);
      same_top[at] = largest(reference->row(r)) == largest(logits.row(r)) ? 1 : 0;
    }
  });
}

void check_vocabularies(const Judged& model, const Judged& reference) {
  const std::int64_t a = model.pass.model().vocabulary(), b = reference.pass.model().vocabulary();
  if (a != b)
    throw ConfigError(fmt::format(
        "the models have vocabularies of {} and {} tokens and cannot be compared by their predictions", a,
        b));
}

}  // namespace

TextChunks cut_chunks(std::span<const std::int32_t> tokens, std::int64_t context, std::int64_t chunks,
                      std::int32_t bos) {
  if (context < 4) throw ConfigError(fmt::format("the context must be at least 4 tokens, got {}", context));
  const std::int64_t available = static_cast<std::int64_t>(tokens.size()) / context;
  if (available < 2)
    throw ConfigError(fmt::format(
        "the text has {} tokens, two chunks of {} need {}; give a longer text or a smaller --context",
        tokens.size(), context, 2 * context));
  TextChunks result;
  result.context = context;
  const std::int64_t count = chunks > 0 ? std::min(chunks, available) : available;
  for (std::int64_t c = 0; c < count; ++c) {
    const auto chunk =
        tokens.subspan(static_cast<std::size_t>(c * context), static_cast<std::size_t>(context));
    result.inputs.emplace_back(chunk.begin(), chunk.end());
    if (bos >= 0) result.inputs.back().front() = bos;
    const auto scored = chunk.subspan(static_cast<std::size_t>(result.first_scored() + 1),
                                      static_cast<std::size_t>(result.scored()));
    result.targets.emplace_back(scored.begin(), scored.end());
  }
  return result;
}

TextScores score_text(Judged model, const Judged* reference, const TextChunks& chunks, Executor& executor,
                      const ScoreProgress& progress) {
  if (reference != nullptr) check_vocabularies(model, *reference);
  TextScores scores;
  std::vector<char> same_top;
  std::int64_t width = model.pass.model().hidden_cols();
  if (reference != nullptr) width += reference->pass.model().hidden_cols();
  const std::int64_t chunk_bytes = chunks.context * width * static_cast<std::int64_t>(sizeof(float));
  const auto group = static_cast<std::size_t>(std::max<std::int64_t>(1, kHiddenBytes / chunk_bytes));
  const std::int64_t scored = chunks.scored();
  for (std::size_t begin = 0; begin < chunks.inputs.size(); begin += group) {
    const std::size_t count = std::min(group, chunks.inputs.size() - begin);
    const std::span inputs(chunks.inputs.data() + begin, count);
    ChunkRun run(model, inputs);
    std::unique_ptr<ChunkRun> reference_run;
    if (reference != nullptr) reference_run = std::make_unique<ChunkRun>(*reference, inputs);
    for (std::size_t c = 0; c < count; ++c) {
      const std::size_t size = scores.nll.size() + static_cast<std::size_t>(scored),
                        first = scores.nll.size();
      scores.nll.resize(size);
      if (reference != nullptr) {
        scores.reference_nll.resize(size);
        scores.kld.resize(size);
        same_top.resize(size);
      }
      for (std::int64_t done = 0; done < scored; done += kHeadRows) {
        const std::int64_t rows = std::min(kHeadRows, scored - done);
        const std::int64_t row = static_cast<std::int64_t>(c) * chunks.context + chunks.first_scored() + done;
        const ConstMatrix logits = run.logits(row, rows);
        ConstMatrix reference_logits;
        if (reference_run) reference_logits = reference_run->logits(row, rows);
        const std::span targets(chunks.targets[begin + c].data() + done, static_cast<std::size_t>(rows));
        score_rows(logits, reference_run ? &reference_logits : nullptr, targets,
                   {first + static_cast<std::size_t>(done), static_cast<std::int64_t>(begin + c),
                    chunks.first_scored() + done},
                   executor, scores, same_top);
      }
      progress(static_cast<std::int64_t>(begin + c + 1), scores);
    }
  }
  scores.same_top.assign(same_top.begin(), same_top.end());
  return scores;
}

}  // namespace pq
