#include "tensor.hpp"

#include "row_tile.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pq::gptq {
namespace {

/// A job in whose encoding rows stand alone: bound to what the rows share, if they share anything. The most important columns are those with
/// the largest activations.
class BoundJob {
 public:
  explicit BoundJob(const QuantJob& job) : job_(job) {
    if (job.encoding->shared_bytes(job.cols) == 0) return;
    const ConstMatrix& gram = job.statistics.gram;
    std::vector<float> energy;
    for (std::int64_t i = 0; i < gram.rows && gram.data != nullptr; ++i)
      energy.push_back(gram.row(i)[static_cast<std::size_t>(i)]);
    shared_ = job.encoding->survey(*job.weights, energy.empty() ? job.statistics.importance : energy);
    encoding_ = job.encoding->bind(shared_, job.cols);
    job_.encoding = encoding_.get();
  }
  const QuantJob& job() const { return job_; }
  Bytes shared() const { return shared_; }

 private:
  QuantJob job_;
  std::vector<std::byte> shared_;
  std::shared_ptr<const Encoding> encoding_;
};
using SharedJob = std::shared_ptr<const BoundJob>;

/// Without error feedback.
class PlainTensor final : public TensorQuantizer {
 public:
  PlainTensor(const SharedJob& bound, std::string warning)
      : bound_(bound),
        encoder_(bound->job().encoding->encoder(
            {bound->job().cols, bound->job().statistics.importance, bound->job().effort})),
        warning_(std::move(warning)) {}
  Bytes shared() const override { return bound_->shared(); }
  void quantize(ConstMatrix rows, std::int64_t first_row, MutableBytes out,
                QuantReport& report) const override {
    if (first_row == 0 && !warning_.empty()) report.warnings.push_back(warning_);
    encoder_->encode(rows, out);
  }

 private:
  SharedJob bound_;
  std::unique_ptr<RowEncoder> encoder_;
  std::string warning_;
};

class FeedbackTensor final : public TensorQuantizer {
 public:
  FeedbackTensor(const SharedJob& bound, const Options& options, const Cut& cut,
                 std::shared_ptr<const Factor> factor)
      : bound_(bound), job_(bound->job()), options_(options), cut_(cut), factor_(std::move(factor)) {}
  Bytes shared() const override { return bound_->shared(); }

  void quantize(ConstMatrix rows, std::int64_t first_row, MutableBytes out,
                QuantReport& report) const override {
    if (first_row == 0 && factor_->damping > options_.damping) report.warnings.push_back(raised());
    const std::size_t row_bytes = job_.encoding->row_bytes(job_.cols);
    for (std::int64_t first = 0; first < rows.rows; first += kLanes) {
      const std::int64_t count = std::min<std::int64_t>(kLanes, rows.rows - first);
      const auto codec = job_.encoding->column_codec(count, job_.cols, job_.effort);
      RowTile tile(rows.slice(first, count), *codec, {*factor_, cut_, job_.statistics.gram});
      if (codec->can_revise() && options_.has_static_scales())
        tile.round_with_static_scales();
      else
        tile.round_in_order();
      for (int pass = 0; pass < options_.refine && codec->can_revise(); ++pass) tile.refine();
      for (std::int64_t r = 0; r < count; ++r)
        codec->emit(r, out.subspan(static_cast<std::size_t>(first + r) * row_bytes, row_bytes));
    }
  }

 private:
  std::string raised() const {
    return "tensor '" + std::string(job_.tensor) + "': damping was raised to " +
           detail::default_text(factor_->damping) +
           " because the second moments of its inputs are not positive definite with less";
  }

  SharedJob bound_;
  const QuantJob& job_;
  Options options_;
  Cut cut_;
  std::shared_ptr<const Factor> factor_;
};

/// Columns of a block; what fits are for at least so many.
constexpr std::size_t kBlock = 128;

Cut make_cut(const ColumnCodec& codec, std::int64_t cols, const Options& options) {
  Cut cut;
  cut.cols = static_cast<std::size_t>(cols);
  cut.fit = std::min(static_cast<std::size_t>(codec.fit_cols()), cut.cols);
  cut.at_once = static_cast<std::size_t>(codec.round_cols());
  cut.block = (kBlock + cut.fit - 1) / cut.fit * cut.fit;
  if (codec.can_revise()) {
    cut.by_activation = options.order == "activation";
    cut.by_group = options.order == "groups";
  }
  return cut;
}

}  // namespace

std::shared_ptr<const Factor> FactorCache::get(const QuantJob& job, const Cut& cut, double damping,
                                               Executor& executor) {
  const ConstMatrix& gram = job.statistics.gram;
  std::size_t hash = 0;
  for (std::int64_t r = 0; r < gram.rows; ++r) {
    const auto row = std::as_bytes(gram.row(r));
    const std::string_view text(reinterpret_cast<const char*>(row.data()), row.size());
    hash = hash * 31 + std::hash<std::string_view>()(text);
  }
  const std::lock_guard lock(mutex_);
  std::erase_if(known_, [](const Entry& entry) { return entry.factor.expired(); });
  for (const Entry& entry : known_)
    if (entry.hash == hash && entry.cut == cut)
      if (auto factor = entry.factor.lock()) return last_ = std::move(factor);
  last_ = nullptr;  // frees its memory before more is taken
  last_ = make_factor(gram, cut, damping, job.tensor, executor);
  if (last_ != nullptr) known_.push_back({hash, cut, last_});
  return last_;
}

std::unique_ptr<TensorQuantizer> make_tensor(const QuantJob& given, const Options& options,
                                             FactorCache& cache, Executor& executor) {
  const auto bound = std::make_shared<const BoundJob>(given);
  const QuantJob& job = bound->job();
  const EncodingInfo& info = job.encoding->info();
  if (info.grid.family == GridFamily::floating && info.grid.code_bits >= 16)
    return std::make_unique<PlainTensor>(bound, "");
  const std::string plain = "tensor '" + std::string(job.tensor) + "' is rounded without error feedback: ";
  if (job.statistics.gram.data == nullptr)
    return std::make_unique<PlainTensor>(bound,
                                         plain + "its inputs are not measured, or no token reached it");
  const auto codec = job.encoding->column_codec(1, job.cols, job.effort);
  const Cut cut = make_cut(*codec, job.cols, options);
  auto factor = cache.get(job, cut, options.damping, executor);
  if (factor == nullptr)
    return std::make_unique<PlainTensor>(bound, plain + "all its inputs were zero in the calibration data");
  return std::make_unique<FeedbackTensor>(bound, options, cut, std::move(factor));
}

}  // namespace pq::gptq
