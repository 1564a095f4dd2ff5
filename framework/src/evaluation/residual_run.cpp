#include "evaluation/residual_run.hpp"

#include <numeric>

namespace pq {

ResidualRun::ResidualRun(Judged model, std::span<const std::vector<std::int32_t>> texts) : model_(model) {
  const std::vector<Batch> batches = make_batches(texts, kBatchRows);
  std::int64_t rows = 0;
  for (const Batch& batch : batches) rows += batch.rows();
  store_ = memory_store(rows, width());
  model_.pass.run(batches, *store_, {});
}

ConstMatrix ResidualRun::logits(std::span<const std::int64_t> rows) {
  const auto count = static_cast<std::int64_t>(rows.size());
  hidden_.resize(static_cast<std::size_t>(count * width()));
  const Matrix staged{hidden_.data(), count, width(), width()};
  for (std::int64_t r = 0; r < count; ++r)
    store_->read(rows[static_cast<std::size_t>(r)], staged.slice(r, 1));
  const auto uploaded = model_.device.allocate(count, width());
  model_.device.upload(staged, *uploaded);
  std::vector<std::int32_t> all(rows.size());
  std::iota(all.begin(), all.end(), 0);
  const auto result = model_.pass.head(*uploaded, all);
  logits_.resize(static_cast<std::size_t>(count * result->cols()));
  const Matrix out{logits_.data(), count, result->cols(), result->cols()};
  model_.device.download(*result, out);
  return out;
}

}  // namespace pq
