// AWQ: channels with large activations get larger weights, which lose less when they are rounded (Lin et al., 2023).
#include "search.hpp"

#include <polyquant/plugin.hpp>

#include <memory>
#include <optional>
#include <vector>

namespace {

/// Every row is encoded on its own by the encoding's own search, with the importance of the columns.
class ScaledTensor final : public pq::TensorQuantizer {
 public:
  explicit ScaledTensor(const pq::QuantJob& job) {
    const pq::Encoding* encoding = job.encoding;
    if (encoding->shared_bytes(job.cols) > 0) {
      shared_ = encoding->survey(*job.weights, job.statistics.importance);
      bound_ = encoding->bind(shared_, job.cols);
      encoding = bound_.get();
    }
    encoder_ = encoding->encoder({job.cols, job.statistics.importance, job.effort});
  }
  pq::Bytes shared() const override { return shared_; }
  void quantize(pq::ConstMatrix rows, std::int64_t, pq::MutableBytes out, pq::QuantReport&) const override {
    encoder_->encode(rows, out);
  }

 private:
  std::vector<std::byte> shared_;
  std::shared_ptr<const pq::Encoding> bound_;
  std::unique_ptr<pq::RowEncoder> encoder_;
};

class Awq final : public pq::Quantizer {
 public:
  explicit Awq(const pq::awq::Options& options = {}) : options_(options) {
    info_.fold_needs.gram = options_.loss == "gram";
  }
  const pq::QuantizerInfo& info() const override { return info_; }
  std::optional<std::string> rejects(const pq::Encoding&) const override { return std::nullopt; }
  std::unique_ptr<pq::TensorQuantizer> prepare(const pq::QuantJob& job,
                                               const pq::RunContext&) const override {
    return std::make_unique<ScaledTensor>(job);
  }
  bool folds() const override { return true; }
  pq::FoldScales fold(const pq::FoldJob& job, const pq::RunContext& context) const override {
    return pq::awq::search(job, options_, context.executor);
  }

 private:
  pq::awq::Options options_;
  pq::QuantizerInfo info_{
      "awq",
      "scales channels so that those with large activations lose less, by trials with the encoding itself",
      {.importance = true},
      {true, true, true}};
};

}  // namespace

PQ_PLUGIN("awq", "1.0.0", "Scales of channels, found with the magnitudes of activations") {
  const pq::QuantizerInfo info = Awq().info();
  registry.add(
      pq::QuantizerEntry{info.id, info.summary, pq::awq::schema().table(), [](const pq::Node& options) {
                           return std::make_unique<Awq>(pq::awq::schema().parse(options, "awq"));
                         }});
}
