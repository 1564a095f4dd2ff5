#include "evaluation/predictions.hpp"

#include <numeric>

namespace pq {
namespace {

class RunningPredictions final : public Predictions {
 public:
  explicit RunningPredictions(Judged model) : model_(model) {}
  std::int64_t vocabulary() const override { return model_.pass.model().vocabulary(); }
  std::int64_t chunk_bytes(std::int64_t context) const override {
    return context * model_.pass.model().hidden_cols() * static_cast<std::int64_t>(sizeof(float));
  }
  void enter(const TextChunks& chunks, std::size_t first, std::size_t count) override {
    run_.reset();  // before the new one takes memory
    run_ = std::make_unique<ResidualRun>(model_, std::span(chunks.inputs).subspan(first, count));
    first_chunk_ = first;
    context_ = chunks.context;
    first_scored_ = chunks.first_scored();
  }
  ConstMatrix rows(std::size_t chunk, std::int64_t first, std::int64_t count) override {
    std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
    std::iota(rows.begin(), rows.end(),
              static_cast<std::int64_t>(chunk - first_chunk_) * context_ + first_scored_ + first);
    return run_->logits(rows);
  }

 private:
  Judged model_;
  std::unique_ptr<ResidualRun> run_;
  std::size_t first_chunk_ = 0;
  std::int64_t context_ = 0, first_scored_ = 0;
};

}  // namespace

std::unique_ptr<Predictions> running_predictions(Judged model) {
  return std::make_unique<RunningPredictions>(model);
}

}  // namespace pq
